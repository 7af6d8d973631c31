//! What the memory of a machine does, second by second. It is made up, but moves as that of a small
//! Linux machine does: by pages, in about as many fields at a time, with caches that fill and are
//! reclaimed, counters that count, and programs that come and go.

mod kind;

use shared::{Field, NodeFacts, Sample};

use crate::chance::Chance;
use kind::{HABITS, Habit, Kind};

/// Bytes in a page.
const PAGE: u64 = 4096;
/// So many of the last amounts of available memory are unlike each other: by what was available a
/// follower of the feed knows which reading it sees.
pub(crate) const UNLIKE: usize = 8;

/// A made-up machine. Amounts are in pages.
#[derive(Debug)]
pub(crate) struct Machine {
    chance: Chance,
    kind: &'static Kind,
    habit: &'static Habit,
    total: u64,
    /// Below this the kernel reclaims.
    low: u64,
    programs: u64,
    /// What one program holds that grows.
    grown: u64,
    shared: u64,
    files: u64,
    files_in_use: u64,
    buffers: u64,
    dirty: u64,
    reclaimable: u64,
    unreclaimable: u64,
    stacks: u64,
    tables: u64,
    swapped: u64,
    steps: u64,
    recent: [u64; UNLIKE],
    sample: Sample,
}

impl Machine {
    /// The machine of `seed`, which comes out the same each time.
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let kind = &kind::KINDS[chance.below(kind::KINDS.len() as u64) as usize];
        let habit = match chance.below(10) {
            0..4 => &HABITS[0],
            4..6 => &HABITS[1],
            6 => &HABITS[2],
            7 => &HABITS[3],
            _ => &HABITS[4],
        };
        let total = kind.total_kib / 4;
        let programs = total * chance.between(habit.programs.0, habit.programs.1) / 1000;
        let files = (total - programs) * chance.between(100, 700) / 1000;
        let mut machine = Self {
            low: total / 64,
            programs,
            grown: 0,
            shared: total / 100,
            files,
            files_in_use: files / 3,
            buffers: total / 64,
            dirty: 20,
            reclaimable: total / 60,
            unreclaimable: total / 90,
            stacks: 600,
            tables: programs / 100,
            swapped: 0,
            steps: chance.below(1 << 20),
            recent: [0; UNLIKE],
            sample: kind.start(&mut chance),
            total,
            chance,
            kind,
            habit,
        };
        machine.reclaim();
        machine.tell();
        machine
    }

    /// What does not change while it runs.
    pub(crate) fn facts(&self, host_name: &str) -> NodeFacts {
        self.kind.facts(host_name)
    }

    /// What it is called in labels.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind.label
    }

    /// What it does for `period_ms`, and what it is like then.
    pub(crate) fn step(&mut self, period_ms: u64) -> &Sample {
        self.steps += 1;
        let habit = self.habit;
        if self.chance.happens(habit.moves) {
            self.programs_move(habit.step);
        }
        if self.chance.happens(habit.jumps) {
            self.programs_move(self.total / 12);
        }
        if self.chance.happens(habit.reads) {
            self.read_files();
        }
        self.grow(period_ms);
        if self.chance.happens(habit.moves) {
            self.dirty = self.chance.between(self.dirty / 2, self.dirty + self.dirty / 2 + 12);
            self.dirty = self.dirty.min(habit.read * 8);
        }
        if self.chance.happens(habit.moves / 2) {
            self.unreclaimable = self.near(self.unreclaimable, 4, self.total / 90);
            self.stacks = self.near(self.stacks, 4, 600);
            self.tables = self.near(self.tables, 8, self.programs / 100);
        }
        if self.chance.happens(habit.reads / 2) {
            self.buffers = self.near(self.buffers, 16, self.total / 64);
            let writeback = if self.chance.happens(500) { self.chance.below(200) } else { 0 };
            self.sample.set(Field::Writeback, Some(writeback * PAGE));
        }
        self.reclaim();
        self.count(period_ms);
        self.tell();
        &self.sample
    }

    /// A number at most `step` from `now`, that tends towards `home`.
    fn near(&mut self, now: u64, step: u64, home: u64) -> u64 {
        let pull = if now > home * 5 / 4 { step } else { 0 };
        let push = if now < home * 3 / 4 { step } else { 0 };
        self.chance.between(now.saturating_sub(step + pull), now + step + push)
    }

    /// Programs take memory, or give it back.
    fn programs_move(&mut self, step: u64) {
        let (least, most) = self.habit.programs;
        let home = self.total * least.midpoint(most) / 1000;
        let most = self.total * 9 / 10;
        let before = self.programs;
        self.programs = self.near(before, step, home).min(most);
        let faults = before.abs_diff(self.programs) + self.chance.below(self.habit.faults);
        self.add(Field::Faults, faults);
    }

    /// The program that grows does so, by fits and starts, or is started anew.
    fn grow(&mut self, period_ms: u64) {
        let (pages, top) = self.habit.grows;
        if pages > 0 {
            self.grown += self.chance.below(2 * pages + 1) * period_ms / 1000;
        }
        if self.grown > self.total * top / 1000 {
            self.grown = 0;
            self.swapped /= 2;
        }
    }

    /// What programs hold that was not swapped out.
    fn in_ram(&self) -> u64 {
        (self.programs + self.grown).saturating_sub(self.swapped)
    }

    /// Files are read into the cache, and written.
    fn read_files(&mut self) {
        let pages = self.chance.between(1, self.habit.read);
        self.files += pages;
        self.files_in_use += pages / 4;
        self.reclaimable = self.near(self.reclaimable, 32, self.total / 60);
        self.add(Field::PagedIn, pages * PAGE);
        self.add(Field::MajorFaults, pages / 32);
        self.add(Field::FileRefaults, pages / 40);
        self.add(Field::FileActivated, pages / 90);
        if self.chance.happens(700) {
            let written = self.chance.between(1, 64) * PAGE;
            self.add(Field::PagedOut, written);
        }
    }

    fn fixed(&self) -> u64 {
        // What firmware's drivers and the kernel's own tables take, in no line of their own.
        self.total / 40 + 9000
    }

    fn used(&self) -> u64 {
        self.in_ram()
            + self.shared
            + self.files
            + self.buffers
            + self.reclaimable
            + self.unreclaimable
            + self.stacks
            + self.tables
            + self.fixed()
    }

    /// What the kernel does when little is free: it drops files, and swaps when they run out.
    fn reclaim(&mut self) {
        let used = self.used();
        if used + self.low <= self.total {
            return;
        }
        let wanted = used + self.low * 3 / 2 - self.total;
        let dropped = wanted.min(self.files.saturating_sub(self.total / 50));
        self.files -= dropped;
        self.files_in_use = self.files_in_use.min(self.files / 2);
        self.add(Field::KswapdRuns, 1);
        self.add(Field::ScannedKswapd, dropped + dropped / 8);
        self.add(Field::StolenKswapd, dropped);
        let room = (self.kind.swap_kib / 4).saturating_sub(self.swapped);
        let out = (wanted - dropped).min(room).min(self.programs / 2);
        self.swapped += out;
        self.add(Field::SwappedOut, out);
        if out > 0 {
            let waited_us = self.chance.between(1000, 200_000);
            self.add(Field::PressureSome, waited_us);
            self.add(Field::PressureFull, waited_us / 3);
        }
        // What is left to take is taken from programs: the one that asked for most is gone.
        let short = wanted - dropped - out;
        if short > 0 {
            self.programs -= short.min(self.programs / 2);
            self.grown = 0;
            self.add(Field::OomKills, 1);
        }
    }

    /// What counts up, and what is no memory.
    fn count(&mut self, period_ms: u64) {
        let ticks = self.kind.cores * period_ms / 10;
        let busy = ticks * self.chance.between(self.habit.cpu.0, self.habit.cpu.1) / 1000;
        self.add(Field::CpuTotal, ticks);
        self.add(Field::CpuBusy, busy);
        let faults = self.chance.below(self.habit.faults);
        self.add(Field::Faults, faults);
        if self.steps.is_multiple_of(5) {
            let load = self.kind.cores * self.habit.cpu.1 / 10;
            for (field, slow) in [(Field::Load1, 2), (Field::Load5, 8), (Field::Load15, 24)] {
                let now = self.sample.get(field).unwrap_or(0);
                let target = self.chance.between(load / 2, load + load / 2);
                self.sample.set(field, Some((now * (slow - 1) + target) / slow));
            }
        }
        if self.sample.get(Field::Temperature).is_some() && self.chance.happens(400) {
            // A Raspberry Pi's sensor tells steps of about half a degree.
            let degrees = 45_000 + self.habit.cpu.1 * 30;
            let steps = self.chance.between(0, 4) * 487;
            self.sample.set(Field::Temperature, Some(degrees + steps));
            let fast = self.chance.happens(self.habit.cpu.1);
            let hertz = if fast { self.kind.max_hz } else { self.kind.min_hz };
            self.sample.set(Field::CpuFrequency, Some(hertz));
        }
    }

    fn add(&mut self, counter: Field, more: u64) {
        let now = self.sample.get(counter).unwrap_or(0);
        self.sample.set(counter, Some(now + more));
    }

    /// Writes down how much there is of everything.
    fn tell(&mut self) {
        let free = self.total.saturating_sub(self.used());
        let file_pages = self.files + self.buffers;
        let programs = self.in_ram();
        let active_file = self.files_in_use.min(file_pages);
        let (active_anon, inactive_anon) = (programs / 64, programs - programs / 64 + self.shared);
        let inactive_file = file_pages - active_file;
        let spare = |cache: u64| cache - (cache / 2).min(self.low);
        let mut available = free.saturating_sub(self.low) + spare(file_pages);
        available = (available + spare(self.reclaimable)).min(self.total);
        while self.recent.contains(&available) {
            available += 1;
        }
        self.recent[self.steps as usize % UNLIKE] = available;
        let swap_free = self.kind.swap_kib / 4 - self.swapped;
        for (field, pages) in [
            (Field::Total, self.total),
            (Field::Free, free),
            (Field::Available, available),
            (Field::Buffers, self.buffers),
            (Field::Cached, self.files + self.shared),
            (Field::ActiveFile, active_file),
            (Field::InactiveFile, inactive_file),
            (Field::ActiveAnon, active_anon),
            (Field::InactiveAnon, inactive_anon),
            (Field::Active, active_file + active_anon),
            (Field::Inactive, inactive_file + inactive_anon),
            (Field::Anon, programs),
            (Field::Shmem, self.shared),
            (Field::Mapped, programs / 3 + self.files / 10),
            (Field::Dirty, self.dirty),
            (Field::SlabReclaimable, self.reclaimable),
            (Field::KernelReclaimable, self.reclaimable),
            (Field::SlabUnreclaimable, self.unreclaimable),
            (Field::Slab, self.reclaimable + self.unreclaimable),
            (Field::KernelStack, self.stacks),
            (Field::PageTables, self.tables),
            (Field::VmallocUsed, self.stacks + 6500),
            (Field::Committed, (self.programs + self.grown) * 2),
            (Field::SwapTotal, self.kind.swap_kib / 4),
            (Field::SwapFree, swap_free),
            (Field::ZoneLow, self.low),
            (Field::ZoneReserve, self.low * 5 / 4),
        ] {
            self.sample.set(field, Some(pages * PAGE));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shared::breakdown::{Breakdown, Outcome};
    use shared::run::Stream;
    use shared::wire::{AgentMessage, AgentReading, to_postcard};
    use shared::{Field, NodeFacts, Sample};

    use super::{Machine, UNLIKE};

    #[test]
    fn the_same_seed_is_the_same_machine() {
        let (mut one, mut same, mut other) = (Machine::new(5), Machine::new(5), Machine::new(6));
        for _ in 0..50 {
            assert_eq!(one.step(1000), same.step(1000));
        }
        assert_ne!(one.step(1000), other.step(1000));
    }

    #[test]
    fn machines_are_sound_and_alive() {
        for seed in 0..60 {
            let mut machine = Machine::new(seed);
            let mut last = machine.step(1000).clone();
            for _ in 0..400 {
                let sample = machine.step(1000).clone();
                sound(&sample);
                counters_count(&last, &sample);
                assert!(sample.get(Field::CpuTotal) > last.get(Field::CpuTotal));
                last = sample;
            }
        }
    }

    fn sound(sample: &Sample) {
        let facts = NodeFacts { page_size: 4096, ..NodeFacts::default() };
        let breakdown = Breakdown::of(sample, &facts);
        assert!(matches!(breakdown.outcome, Outcome::Exact), "{:?}: {sample:?}", breakdown.outcome);
        let (available, total) = (sample.get(Field::Available), sample.get(Field::Total));
        assert!(available.is_some_and(|available| Some(available) < total), "{sample:?}");
    }

    fn counters_count(last: &Sample, sample: &Sample) {
        for (field, value) in sample.iter() {
            if field.def().kind == shared::field::Kind::Counter {
                assert!(value >= last.get(field), "{field:?}");
            }
        }
    }

    #[test]
    fn what_is_available_tells_readings_apart() {
        let mut machine = Machine::new(1);
        let available: Vec<_> =
            (0..500).map(|_| machine.step(1000).get(Field::Available)).collect();
        for recent in available.windows(UNLIKE) {
            assert_eq!(recent.iter().collect::<HashSet<_>>().len(), UNLIKE);
        }
    }

    /// An idle machine measured at the same time changes 3 to 13 fields a second, one that compiles
    /// 22 to 30, in 16 to 100 bytes.
    #[test]
    fn about_as_much_changes_as_on_a_real_machine() {
        let mut all = Vec::new();
        for seed in 0..100 {
            let mut machine = Machine::new(seed);
            let mut stream = Stream::default();
            let mut bytes = 0;
            for second in 0..60_u64 {
                let sample = machine.step(1000).clone();
                let uptime_us = 5_000_000_000 + second * 1_000_123;
                let reading = AgentReading { seq: 5_000_000 + second, uptime_us, sample };
                let next = AgentMessage::Next(stream.next(&reading));
                if second > 0 {
                    bytes += to_postcard(&next).unwrap().len();
                }
            }
            all.push(bytes / 59);
        }
        all.sort_unstable();
        let mean = all.iter().sum::<usize>() / all.len();
        println!("{mean} bytes, {:?}", all.iter().step_by(10).collect::<Vec<_>>());
        assert!((35..90).contains(&mean) && all[0] > 15 && all[99] < 120, "{mean} {all:?}");
    }
}
