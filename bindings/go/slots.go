//go:build cgo

package ts

import (
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

type chunk [1 << chunkBits]slot

type slot struct {
	task       atomic.Pointer[task]
	generation atomic.Uint32
	next       atomic.Uint32 // as in free
}

// Of a key: below the number plus one, above the generation.
const numberBits = 20 + 12*(^uintptr(0)>>63)

func (s *slots) at(number uint32) *slot {
	return &(*s.chunks.Load())[number>>chunkBits][number%(1<<chunkBits)]
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
		changed := free>>32<<32 + 1<<32
		if s.free.CompareAndSwap(free, changed|uint64(its.next.Load())) {
			its.task.Store(t)
			return uintptr(its.generation.Load())<<numberBits | uintptr(first)
		}
	}
}

// get is the task of that key, or nil.
func (s *slots) get(key uintptr) *task {
	number := uint32(key & (1<<numberBits - 1))
	chunks := s.chunks.Load()
	if number == 0 || chunks == nil || int(number-1)>>chunkBits >= len(*chunks) {
		return nil
	}
	its := s.at(number - 1)
	if uintptr(its.generation.Load())<<numberBits != key&^(1<<numberBits-1) {
		return nil
	}
	return its.task.Load()
}

// drop makes the slot free again.
func (s *slots) drop(key uintptr) {
	number := uint32(key & (1<<numberBits - 1))
	its := s.at(number - 1)
	its.task.Store(nil)
	its.generation.Add(1)
	s.push(number, its)
}

func (s *slots) push(number uint32, its *slot) {
	for {
		free := s.free.Load()
		its.next.Store(uint32(free))
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
	var all []*chunk
	if chunks := s.chunks.Load(); chunks != nil {
		all = *chunks
	}
	first := len(all) << chunkBits
	fresh := new(chunk)
	all = append(all[:len(all):len(all)], fresh)
	s.chunks.Store(&all)
	for at := range fresh {
		s.push(uint32(first+at+1), &fresh[at])
	}
}

// each calls with every task that stands in a slot.
func (s *slots) each(call func(*task)) {
	chunks := s.chunks.Load()
	if chunks == nil {
		return
	}
	for _, its := range *chunks {
		for at := range its {
			if t := its[at].task.Load(); t != nil {
				call(t)
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
