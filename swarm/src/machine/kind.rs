//! The machines that a swarm is made of, and how busy they are.

use shared::{Field, NodeFacts, Sample};

use crate::chance::Chance;

/// A kind of machine.
#[derive(Debug)]
pub(super) struct Kind {
    /// As a label says it.
    pub(super) label: &'static str,
    model: &'static str,
    cpu: &'static str,
    /// Memory, in KiB.
    pub(super) total_kib: u64,
    /// Room for swap, in KiB.
    pub(super) swap_kib: u64,
    pub(super) cores: u64,
    pub(super) min_hz: u64,
    pub(super) max_hz: u64,
}

pub(super) const KINDS: [Kind; 5] = [
    Kind {
        label: "zero2",
        model: "Raspberry Pi Zero 2 W Rev 1.0",
        cpu: "Cortex-A53",
        total_kib: 424_100,
        swap_kib: 424_096,
        cores: 4,
        min_hz: 600_000_000,
        max_hz: 1_000_000_000,
    },
    Kind {
        label: "pi3",
        model: "Raspberry Pi 3 Model B Plus Rev 1.3",
        cpu: "Cortex-A53",
        total_kib: 932_764,
        swap_kib: 102_396,
        cores: 4,
        min_hz: 600_000_000,
        max_hz: 1_400_000_000,
    },
    Kind {
        label: "pi4",
        model: "Raspberry Pi 4 Model B Rev 1.4",
        cpu: "Cortex-A72",
        total_kib: 3_883_512,
        swap_kib: 2_097_148,
        cores: 4,
        min_hz: 600_000_000,
        max_hz: 1_800_000_000,
    },
    Kind {
        label: "pi4-8g",
        model: "Raspberry Pi 4 Model B Rev 1.5",
        cpu: "Cortex-A72",
        total_kib: 7_999_488,
        swap_kib: 2_097_148,
        cores: 4,
        min_hz: 600_000_000,
        max_hz: 1_800_000_000,
    },
    Kind {
        label: "cm5",
        model: "Raspberry Pi Compute Module 5 Rev 1.0",
        cpu: "Cortex-A76",
        total_kib: 8_254_704,
        swap_kib: 2_097_136,
        cores: 4,
        min_hz: 1_500_000_000,
        max_hz: 2_400_000_000,
    },
];

/// What a machine is busy with, for each step.
#[derive(Debug)]
pub(super) struct Habit {
    /// What programs hold, in thousandths of total: at the least and at the most.
    pub(super) programs: (u64, u64),
    /// In thousandths, how often they take or give memory, and how many pages at most.
    pub(super) moves: u64,
    pub(super) step: u64,
    /// In thousandths, how often one comes or goes.
    pub(super) jumps: u64,
    /// In thousandths, how often files are read, and how many pages at most.
    pub(super) reads: u64,
    pub(super) read: u64,
    /// Pages by which one program grows in a second, until it holds so many thousandths of total and is
    /// started anew: a leak if that is slow, a heap that is swept if it is quick.
    pub(super) grows: (u64, u64),
    /// Page faults at most.
    pub(super) faults: u64,
    /// How busy the processors are, in thousandths.
    pub(super) cpu: (u64, u64),
}

/// Idle, at work, very busy, with a leak, and with a heap that is swept again and again.
pub(super) const HABITS: [Habit; 5] = [
    Habit {
        programs: (60, 180),
        moves: 650,
        step: 40,
        jumps: 1,
        reads: 150,
        read: 40,
        grows: (0, 0),
        faults: 60,
        cpu: (5, 40),
    },
    Habit {
        programs: (200, 500),
        moves: 950,
        step: 400,
        jumps: 5,
        reads: 600,
        read: 600,
        grows: (0, 0),
        faults: 3000,
        cpu: (80, 350),
    },
    Habit {
        programs: (450, 800),
        moves: 1000,
        step: 4000,
        jumps: 20,
        reads: 900,
        read: 3000,
        grows: (0, 0),
        faults: 30_000,
        cpu: (500, 1000),
    },
    Habit {
        programs: (120, 300),
        moves: 800,
        step: 120,
        jumps: 2,
        reads: 300,
        read: 200,
        grows: (6, 450),
        faults: 900,
        cpu: (30, 150),
    },
    Habit {
        programs: (150, 350),
        moves: 900,
        step: 200,
        jumps: 2,
        reads: 400,
        read: 200,
        grows: (900, 80),
        faults: 2500,
        cpu: (100, 300),
    },
];

/// What Linux 6.12 on a 64-bit Raspberry Pi does not tell.
const ABSENT: [Field; 28] = [
    Field::HighTotal,
    Field::HighFree,
    Field::LowTotal,
    Field::LowFree,
    Field::MmapCopy,
    Field::ShadowCallStack,
    Field::EarlyMemtestBad,
    Field::HardwareCorrupted,
    Field::Unaccepted,
    Field::Balloon,
    Field::GpuActive,
    Field::GpuReclaim,
    Field::DirectMap4k,
    Field::DirectMap2M,
    Field::DirectMap4M,
    Field::DirectMap1G,
    Field::Refaults,
    Field::ScannedProactive,
    Field::StolenProactive,
    Field::ZramOriginal,
    Field::ZramCompressed,
    Field::ZramUsed,
    Field::ArcSize,
    Field::ArcFloor,
    Field::Limit,
    Field::LimitLeft,
    Field::Lxcfs,
    Field::ZswapWriteback,
];

impl Kind {
    /// What does not change while it runs.
    pub(super) fn facts(&self, host_name: &str) -> NodeFacts {
        NodeFacts {
            host_name: host_name.into(),
            model: Some(self.model.into()),
            os: Some("Debian GNU/Linux 13 (trixie)".into()),
            kernel: Some("6.12.47+rpt-rpi-v8".into()),
            cpu_name: Some(self.cpu.into()),
            cores: Some(self.cores as u32),
            min_frequency_hz: Some(self.min_hz),
            max_frequency_hz: Some(self.max_hz),
            page_size: 4096,
        }
    }

    /// A reading of it after some days, but for what follows from what the machine does.
    pub(super) fn start(&self, chance: &mut Chance) -> Sample {
        let mut sample = Sample::EMPTY;
        for &field in Field::ALL.iter().filter(|field| !ABSENT.contains(field)) {
            // What nothing here moves is mostly 0 on such a machine.
            sample.set(field, Some(0));
        }
        let total = self.total_kib * 1024;
        let uptime_ticks = chance.between(100_000, 100_000_000) * self.cores;
        for (field, value) in [
            (Field::CommitLimit, total / 2 + self.swap_kib * 1024),
            (Field::VmallocTotal, 259_653_632 << 10),
            (Field::Percpu, 1232 << 10),
            (Field::CmaTotal, 64 << 20),
            (Field::CmaFree, chance.between(1, 14_000) << 12),
            (Field::HugePageSize, 2 << 20),
            (Field::MinFree, 16 << 20),
            (Field::Temperature, 48_312),
            (Field::CpuFrequency, self.min_hz),
            (Field::CpuTotal, uptime_ticks),
            (Field::CpuBusy, uptime_ticks / 9),
            (Field::Faults, uptime_ticks / 3),
            (Field::PagedIn, chance.between(1 << 20, 1 << 25) << 10),
            (Field::PagedOut, chance.between(1 << 20, 1 << 25) << 10),
            (Field::MajorFaults, chance.between(1000, 100_000)),
            (Field::Load1, 20),
            (Field::Load5, 25),
            (Field::Load15, 22),
            (Field::PageDescriptions, total / 64),
        ] {
            sample.set(field, Some(value));
        }
        sample
    }
}
