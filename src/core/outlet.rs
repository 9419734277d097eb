//! Where linear tasks become ready that somebody else than our workers runs: the host by claims, or
//! a pump.
//!
//! A lane that is run through an outlet has so many places, as an async one does (see
//! [`super::places`]); in the outlet lies one entry for each place that is on its way to the next
//! task of the lane, and one for each task without a name. Outlet 0 is none: our workers. Outlet 1
//! is the host's, by claims; each pump has another number, which is never used again.
//!
//! Who takes an entry either starts a task or frees the place; nothing that is alive is lost with
//! an entry, since a cancelled task ends where it is cancelled, but for claims: those come out
//! before all else, to be ended by who runs them.

use super::Core;
use super::add::{NewTask, To};
use super::inlet::Item;
use super::limit::ClaimLimit;
use super::record::Record;
use super::slab::NIL;
use super::word::{self, Snapshot};
use crate::host::{self, Bell};
use crate::mailbox::Mailbox;
use crate::platform::annotate;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use crate::{Error, ErrorCode, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// No outlet: our workers run it.
pub const WORKERS: u32 = 0;
/// The host runs it, by claims.
pub const CLAIMS: u32 = 1;

/// See the module.
#[derive(Debug)]
pub struct Outlet {
    number: u32,
    /// What is ready: lanes that have a place for their next task, and tasks without a name. Before
    /// those, tasks that were cancelled and are only to be ended.
    pub mailbox: Mailbox<Item, u32>,
    /// Cancelled tasks without a name that still lie there.
    dead: AtomicUsize,
    /// What lies behind the first may be hollow.
    thinned: AtomicBool,
    /// Its pump is no more.
    closed: AtomicBool,
    /// The thread that alone takes from it, by [`host::thread_number`]; 0 for none, or for any.
    pub owner: AtomicU32,
    /// Called after something has come into an empty one.
    bell: Option<Bell>,
}

impl Outlet {
    fn new(number: u32, bell: Option<Bell>, mailbox: Mailbox<Item, u32>) -> Arc<Outlet> {
        let outlet = Arc::new(Outlet {
            number,
            mailbox,
            dead: AtomicUsize::new(0),
            thinned: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            owner: AtomicU32::new(0),
            bell,
        });
        annotate::release(&*outlet);
        outlet
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether its pump is no more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    fn ring(&self) {
        if let Some(bell) = &self.bell {
            annotate::acquire(self);
            bell.ring();
            annotate::release(self);
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        annotate::acquire(self);
    }
}

/// The outlets of a core.
#[derive(Debug)]
pub struct Outlets {
    claims: Arc<Outlet>,
    /// The gate of that one.
    limit: Arc<ClaimLimit>,
    pumps: Mutex<HashMap<u32, Arc<Outlet>>>,
    /// The number of the next pump.
    next: AtomicU32,
    /// The one of tasks whose lane and owner say nothing.
    default: AtomicU32,
    /// Some lane or task was ever run by others than our workers.
    used: AtomicBool,
}

impl Outlets {
    /// With the one for claims.
    pub fn new() -> Outlets {
        let limit = Arc::new(ClaimLimit::new());
        let gate = limit.clone();
        let mailbox = Mailbox::with_gate(Box::new(move |_| gate.has_room()));
        Outlets {
            claims: Outlet::new(CLAIMS, None, mailbox),
            limit,
            pumps: Mutex::new(HashMap::new()),
            next: AtomicU32::new(CLAIMS + 1),
            default: AtomicU32::new(WORKERS),
            used: AtomicBool::new(false),
        }
    }

    fn find(&self, number: u32) -> Option<Arc<Outlet>> {
        match number {
            CLAIMS => Some(self.claims.clone()),
            number => self.pumps.lock().get(&number).cloned(),
        }
    }

    /// The number of tasks whose lane and owner say nothing.
    #[inline]
    pub fn default(&self) -> u32 {
        self.default.load(Relaxed)
    }
}

impl Core {
    /// The outlet of claims.
    pub fn claims_outlet(&self) -> &Arc<Outlet> {
        &self.outlets.claims
    }

    /// Who runs tasks whose lane and owner say nothing.
    pub fn default_outlet(&self) -> u32 {
        self.outlets.default()
    }

    /// Whether any task may be run by others than our workers.
    #[inline]
    pub fn uses_outlets(&self) -> bool {
        self.outlets.used.load(Relaxed)
    }

    /// Whether a task that is to be added would be run by a pump of this very thread.
    pub fn is_pump_of_this_thread(&self, task: &NewTask<'_>) -> bool {
        let number = match (task.outlet, task.to) {
            (Some(outlet), _) => outlet,
            (None, To::Nobody) => self.outlets.default(),
            (None, To::Name(name)) => self.would_run(name),
            (None, To::Lane { index, .. }) => self.runs(index),
        };
        self.is_pump_here(number)
    }

    fn is_pump_here(&self, number: u32) -> bool {
        number > CLAIMS && self.pump_owner(number) == Some(host::thread_number())
    }

    /// The thread that runs that pump, as far as it has ever been run.
    pub(super) fn pump_owner(&self, number: u32) -> Option<u32> {
        // Not a copy of the outlet: the last one to go calls the host, and there may be a lock.
        let pumps = self.outlets.pumps.lock();
        let owner = pumps.get(&number)?.owner.load(Relaxed);
        (owner != 0).then_some(owner)
    }

    /// How many claims are out.
    pub fn claim_limit(&self) -> &ClaimLimit {
        &self.outlets.limit
    }

    /// Changes how many claims may be out, and how many stuck ones are replaced.
    pub fn set_claim_limit(&self, most: usize, replaced: usize) {
        self.outlets.limit.set(most, replaced);
        self.outlets.claims.mailbox.let_go();
    }

    /// How many may be out has changed, by who waits.
    pub fn claim_limit_changed(&self) {
        self.outlets.claims.mailbox.let_go();
    }

    /// Gives the right up to have one out.
    pub fn unreserve_claim(&self) {
        if self.outlets.limit.give_up() {
            self.outlets.claims.mailbox.let_go();
        }
    }

    /// A claim that is out was found to be stuck: another one may be out in its place.
    pub(super) fn count_stuck_claim(&self) {
        self.outlets.limit.count_stuck();
        self.outlets.claims.mailbox.let_go();
    }

    /// It was given back after all.
    pub(super) fn uncount_stuck_claim(&self) {
        self.outlets.limit.uncount_stuck();
        self.outlets.claims.mailbox.let_go();
    }

    /// Makes an outlet for a pump; the bell is rung, with no lock held, when something has come into
    /// an empty one.
    pub fn new_outlet(&self, bell: Option<Bell>) -> Result<Arc<Outlet>> {
        let number = self.outlets.next.fetch_add(1, Relaxed);
        let mut pumps = self.outlets.pumps.lock();
        if pumps.try_reserve(1).is_err() {
            drop(pumps);
            Bell::refuse(bell);
            return Err(ErrorCode::OutOfMemory.into());
        }
        let outlet = Outlet::new(number, bell, Mailbox::new());
        pumps.insert(number, outlet.clone());
        Ok(outlet)
    }

    /// Who runs tasks whose lane and owner say nothing, from now on.
    pub fn set_default_outlet(&self, number: u32) {
        self.outlets.used.fetch_or(number != WORKERS, SeqCst);
        self.outlets.default.store(number, SeqCst);
    }

    /// From now on lanes and tasks may be run by others than our workers.
    pub fn use_outlets(&self) {
        self.outlets.used.store(true, SeqCst);
    }

    /// Its pump is no more: refuses what comes and cancels what is pending. Where it was to run what
    /// nobody else does, that is refused too, until somebody else is.
    pub fn close_outlet(self: &Arc<Self>, outlet: &Outlet) {
        outlet.closed.store(true, SeqCst);
        self.outlets.pumps.lock().remove(&outlet.number);
        // Whoever found it before has come in when each lock was taken once.
        self.inlets.iter().for_each(|inlet| drop(inlet.lock()));
        for (index, record) in self.each_record() {
            let word = record.word.load();
            if word.is_startable() && self.outlet_of(record, word) == outlet.number {
                self.cancel_if_still(index, word);
            }
        }
        self.clear_outlet(outlet);
        outlet.mailbox.close();
    }

    /// The scheduler is no more: whoever polls a pump's descriptor hears of it.
    pub fn tell_pumps(&self) {
        self.outlets.pumps.lock().values().for_each(|outlet| outlet.mailbox.close());
    }

    /// The outlet through which a task is run.
    pub fn outlet_of(&self, record: &Record, word: Snapshot) -> u32 {
        if !word.has(word::HOSTED) {
            return WORKERS;
        }
        match record.lane.load(Relaxed) {
            NIL => record.link.load(Relaxed),
            lane => self.lanes.at(lane).outlet(),
        }
    }

    /// Which outlet a number names, while an add is under way. Under the inlet's lock.
    pub(super) fn check_outlet(&self, number: u32) -> Result<()> {
        if number <= CLAIMS || self.outlets.pumps.lock().contains_key(&number) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::ShuttingDown, "the pump that runs these tasks was freed"))
    }

    /// A task is about to be added that this outlet runs: there is room for it there, now and later.
    #[inline]
    pub fn promise_out(&self, number: u32) -> Result<()> {
        match number {
            WORKERS => Ok(()),
            CLAIMS => self.outlets.claims.mailbox.promise(|| self.unfinished()),
            pump => match self.outlets.find(pump) {
                Some(outlet) => outlet.mailbox.promise(|| self.unfinished()),
                None => Ok(()),
            },
        }
    }

    /// Puts something into an outlet. Not under a lock of ours: its owner may be told.
    pub fn put_out(self: &Arc<Self>, number: u32, item: Item) {
        match self.outlets.find(number) {
            Some(outlet) => self.put_into(&outlet, item),
            // The pump was freed meanwhile, and what it would have run is cancelled.
            None => self.discard(item),
        }
    }

    /// As above. Who closes the outlet says so and then clears it: so either he finds this there, or we
    /// find that it is closed. What lay there for ever would hold its lane.
    fn put_into(self: &Arc<Self>, outlet: &Outlet, item: Item) {
        if outlet.mailbox.push(item) {
            self.ring(outlet);
        }
        if outlet.is_closed() {
            self.clear_outlet(outlet);
        }
    }

    /// Tells its owner that there is something in it. A shutdown waits for that, and after it there is
    /// nothing.
    pub fn ring(&self, outlet: &Outlet) {
        if outlet.bell.is_none() {
            return;
        }
        let _dropping = self.dropping();
        if !self.is_closed() {
            outlet.ring();
        }
    }

    /// Puts entries back, before all else, that the owner took, and one behind; nobody is told.
    pub fn return_to(
        self: &Arc<Self>,
        outlet: &Outlet,
        entries: &mut VecDeque<Item>,
        last: Option<Item>,
    ) {
        if !entries.is_empty() {
            // Some may have been cancelled while they were out.
            outlet.thinned.store(true, Relaxed);
        }
        outlet.mailbox.put_back(entries);
        if let Some(last) = last {
            outlet.mailbox.push(last);
        }
        if outlet.is_closed() {
            self.clear_outlet(outlet);
        }
    }

    /// A task that is run by claims was cancelled before it started: it comes out as that. When nobody
    /// takes any more, one that did so is to be ended here: who closes them says so and then ends all
    /// that he finds, so either he finds this one there, or we find that they are closed.
    pub(super) fn put_stopped(&self, index: u32) -> Option<u32> {
        let claims = &self.outlets.claims;
        claims.mailbox.push_urgent(index);
        if claims.is_closed() { claims.mailbox.pop_urgent() } else { None }
    }

    /// Nobody takes claims any more: this thread ends those that were cancelled.
    pub fn close_claims(&self) {
        self.outlets.claims.owner.store(host::thread_number(), Relaxed);
        self.outlets.claims.closed.store(true, SeqCst);
    }

    /// The thread that did so, if any has.
    pub(super) fn claims_closer(&self) -> Option<u32> {
        let claims = &self.outlets.claims;
        claims.is_closed().then(|| claims.owner.load(Relaxed))
    }

    /// A task was cancelled before it started: what lies in front and is dead now is taken out, so
    /// that nobody wakes for it.
    pub(super) fn purge(self: &Arc<Self>, number: u32) {
        if let Some(outlet) = self.outlets.find(number) {
            self.purge_front(&outlet);
        }
    }

    /// Something was taken out: as [`Core::purge`], for what lay behind.
    pub fn purge_rest(self: &Arc<Self>, outlet: &Outlet) {
        if outlet.thinned.load(Relaxed) {
            self.purge_front(outlet);
        }
    }

    fn purge_front(self: &Arc<Self>, outlet: &Outlet) {
        // Set before the look: a cancel that comes later looks itself.
        outlet.thinned.store(true, Relaxed);
        while let Some(item) = outlet.mailbox.pop_if(|item| self.is_hollow(*item)) {
            match item.split() {
                Ok(lane) if !self.drop_place(lane) => self.put_into(outlet, item),
                Ok(_) => {}
                Err(task) => self.unlink(task, &mut self.visitor()),
            }
        }
        if !outlet.mailbox.seems_filled() {
            outlet.thinned.store(false, Relaxed);
        }
    }

    /// Whether nothing alive is behind an entry. Under the outlet's lock, and takes an inlet's.
    fn is_hollow(&self, item: Item) -> bool {
        match item.split() {
            Err(task) => !self.records.at(task).word.load().is_startable(),
            Ok(lane) => {
                let its = self.lanes.at(lane);
                let _door = self.inlets[its.inlet()].lock();
                its.alive() < its.coming()
            }
        }
    }

    /// Takes places of a lane out of its outlet, wherever they lie in it, for which nothing is alive:
    /// then the lane is nobody's. Looks at each entry, so only for who asks for another runner.
    pub(super) fn take_hollow_places(self: &Arc<Self>, lane: u32) {
        let Some(outlet) = self.outlets.find(self.lanes.at(lane).outlet()) else { return };
        loop {
            let mut found = false;
            outlet.mailbox.retain(|item| {
                let hollow = !found && item.split() == Ok(lane) && self.is_hollow(*item);
                found |= hollow;
                !hollow
            });
            if !found {
                return;
            }
            if !self.drop_place(lane) {
                self.put_into(&outlet, Item::lane(lane));
            }
        }
    }

    /// A task without a name was cancelled: it lies there until it is taken, or until too many do.
    pub(super) fn count_dead_out(&self, number: u32) {
        let Some(outlet) = self.outlets.find(number) else { return };
        let dead = outlet.dead.fetch_add(1, SeqCst) + 1;
        if dead <= 64 || dead <= outlet.mailbox.len() / 2 {
            return;
        }
        outlet.dead.store(0, SeqCst);
        let mut found = Vec::new();
        outlet.mailbox.retain(|item| match item.split() {
            Err(task) if !self.records.at(task).word.load().is_startable() => {
                found.push(task);
                false
            }
            _ => true,
        });
        self.unlink_all(found);
    }

    /// Takes an entry away that nobody will run: its place is free, and a task without a name, if it
    /// is still alive, is cancelled. Those of a lane are left to who closes the outlet.
    fn discard(self: &Arc<Self>, item: Item) {
        match item.split() {
            // Nobody comes any more, and whoever is alive there is being cancelled.
            Ok(lane) => self.free_lost_place(lane),
            Err(task) => {
                let word = self.records.at(task).word.load();
                self.cancel_if_still(task, word);
                self.unlink(task, &mut self.visitor());
            }
        }
    }

    /// Takes everything away that lies in an outlet, when only dead tasks are left.
    fn clear_outlet(self: &Arc<Self>, outlet: &Outlet) {
        while let Some(item) = outlet.mailbox.pop_if(|_| true) {
            self.discard(item);
        }
    }

    /// Takes everything away that lies in any outlet, when only dead tasks are left.
    pub fn clear_outlets(self: &Arc<Self>) {
        self.clear_outlet(&self.outlets.claims);
        let mut cleared = CLAIMS;
        loop {
            // By their numbers, since a list of them would need memory.
            let next = {
                let pumps = self.outlets.pumps.lock();
                let next = pumps.keys().copied().filter(|number| *number > cleared).min();
                next.and_then(|number| pumps.get(&number).cloned())
            };
            let Some(outlet) = next else { return };
            cleared = outlet.number;
            self.clear_outlet(&outlet);
        }
    }
}
