//! Memory on systems without /proc, as far as `sysinfo` knows it.

use shared::{Field, Sample};
use sysinfo::{MemoryRefreshKind, System};

/// Takes one reading of this machine.
pub(super) fn read(system: &mut System) -> Sample {
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
    let mut sample = Sample::EMPTY;
    let known = |bytes: u64| (system.total_memory() > 0).then_some(bytes);
    sample.set(Field::Total, known(system.total_memory()));
    sample.set(Field::Free, known(system.free_memory()));
    sample.set(Field::Available, known(system.available_memory()));
    sample.set(Field::SwapTotal, known(system.total_swap()));
    sample.set(Field::SwapFree, known(system.free_swap()));
    if let Ok(load) = System::load_average() {
        for (field, average) in
            [(Field::Load1, load.one), (Field::Load5, load.five), (Field::Load15, load.fifteen)]
        {
            sample.set(field, Some((average * 100.0) as u64));
        }
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory() {
        let sample = read(&mut System::new().unwrap());
        let total = sample.get(Field::Total).unwrap();
        assert!(total > 0);
        assert!(sample.get(Field::Available).unwrap() <= total);
    }
}
