//go:build cgo

package ts

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// slots are where tasks stand between add and end: the library is given the number of a slot, never a
// pointer, and gives it back with the claim. A slot is used again and again; its generation, which is
// part of the key, tells whose key it is.
type slots struct {
	// The first free one: its number plus one below, above how often that was changed.
	free   atomic.Uint64
	chunks atomic.Pointer[[]*chunk]
	grow   sync.Mutex
}

const chunkBits = 8

type chunk struct {
	slots [1 << chunkBits]slot
	timed [1 << chunkBits / 64]atomic.Uint64 // a bit for each whose task runs and can time out
}

type slot struct {
	task atomic.Pointer[task]
	// Above its generation, below the next free one, as in free.
	place atomic.Uint64
}

// Of a key: below the number plus one, above the generation.
const numberBits = 20 + 12*(^uintptr(0)>>63)

func (s *slots) at(number uint32) *slot {
	return &(*s.chunks.Load())[number>>chunkBits].slots[number%(1<<chunkBits)]
}

// all are the chunks that there are.
func (s *slots) all() []*chunk {
	if chunks := s.chunks.Load(); chunks != nil {
		return *chunks
	}
	return nil
}

// put gives the task a slot, and the key to it.
func (s *slots) put(t *task) uintptr {
	for {
		free := s.free.Load()
		first := uint32(free)
		if first == 0 {
			s.more()
			continue
		}
		its := s.at(first - 1)
		place := its.place.Load()
		changed := free>>32<<32 + 1<<32
		if s.free.CompareAndSwap(free, changed|uint64(uint32(place))) {
			its.task.Store(t)
			return uintptr(place>>32)<<numberBits | uintptr(first)
		}
	}
}

// get is the task of that key, or nil.
func (s *slots) get(key uintptr) *task {
	number := uint32(key & (1<<numberBits - 1))
	if number == 0 || int(number-1)>>chunkBits >= len(s.all()) {
		return nil
	}
	its := s.at(number - 1)
	if uintptr(its.place.Load()>>32)<<numberBits != key&^(1<<numberBits-1) {
		return nil
	}
	return its.task.Load()
}

// drop makes the slot free again.
func (s *slots) drop(key uintptr) {
	number := uint32(key & (1<<numberBits - 1))
	its := s.at(number - 1)
	its.task.Store(nil)
	s.push(number, its)
}

// push makes it free, in its next generation.
func (s *slots) push(number uint32, its *slot) {
	generation := its.place.Load()>>32<<32 + 1<<32
	for {
		free := s.free.Load()
		its.place.Store(generation | uint64(uint32(free)))
		if s.free.CompareAndSwap(free, free>>32<<32+1<<32|uint64(number)) {
			return
		}
	}
}

func (s *slots) more() {
	s.grow.Lock()
	defer s.grow.Unlock()
	if uint32(s.free.Load()) != 0 {
		return
	}
	all := s.all()
	first := len(all) << chunkBits
	fresh := new(chunk)
	all = append(all[:len(all):len(all)], fresh)
	s.chunks.Store(&all)
	for at := range fresh.slots {
		s.push(uint32(first+at+1), &fresh.slots[at])
	}
}

// each calls with every task that stands in a slot.
func (s *slots) each(call func(*task)) {
	for _, its := range s.all() {
		for at := range its.slots {
			if t := its.slots[at].task.Load(); t != nil {
				call(t)
			}
		}
	}
}

// timed is the word and the bit of a key.
func (s *slots) timed(key uintptr) (*atomic.Uint64, uint64) {
	number := uint32(key&(1<<numberBits-1)) - 1
	its := (*s.chunks.Load())[number>>chunkBits]
	return &its.timed[number%(1<<chunkBits)/64], 1 << (number % 64)
}

func (s *slots) setTimed(key uintptr) {
	word, bit := s.timed(key)
	word.Or(bit)
}

func (s *slots) clearTimed(key uintptr) {
	word, bit := s.timed(key)
	word.And(^bit)
}

// eachTimed calls with every task whose bit is set, and perhaps with one that has a slot of which that
// was so.
func (s *slots) eachTimed(call func(*task)) {
	for _, its := range s.all() {
		for at := range its.timed {
			for word := its.timed[at].Load(); word != 0; word &= word - 1 {
				if t := its.slots[64*at+bits.TrailingZeros64(word)].task.Load(); t != nil {
					call(t)
				}
			}
		}
	}
}

// find is the task of that id, or nil.
func (s *slots) find(id ID) (found *task) {
	s.each(func(t *task) {
		if t.phase.Load()&isAdded != 0 && t.id == id {
			found = t
		}
	})
	return found
}
