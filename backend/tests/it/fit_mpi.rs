//! Open MPI itself takes the hostfile, and starts as many processes as it says.

use std::fs;
use std::process::Command;
use std::time::Duration;

use headroom::here::host_name;

use crate::cluster::Program;
use crate::fleets::Fleet;
use crate::peers::printed;
use crate::support::say;

#[test]
fn mpirun_starts_on_the_hostfile() {
    let Some(version) = printed("mpirun", &["--version"]) else {
        return say("NOT RUN: there is no mpirun (openmpi-bin)");
    };
    if !version.contains("Open MPI") {
        return say(format_args!("NOT RUN: mpirun is none of Open MPI: {version}"));
    }
    let Some(host) = host_name() else {
        return say("NOT RUN: this machine has no name");
    };
    // On its own machine mpirun needs no way to others.
    let fleet = Fleet::start(&[(&host, 3000)], "");
    let fit = ["fit", "900MiB", "--copies", "3", "--reserve", "0", "--format", "openmpi"];
    let output = fleet.command(&fit);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let hosts = fleet.machines[0].path("hosts");
    fs::write(&hosts, &output.stdout).unwrap();
    let run = |copies: &[&str]| {
        let mut mpirun = Command::new("mpirun");
        if rustix::process::geteuid().is_root() {
            mpirun.arg("--allow-run-as-root");
        }
        mpirun.arg("--hostfile").arg(&hosts).args(copies);
        mpirun.args(["sh", "-c", "echo \"rank $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE\""]);
        let mut program = Program::start(&mut mpirun, "");
        let status = program.wait(Duration::from_secs(30));
        let mut lines: Vec<String> = program.stdout().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        (status.success(), lines, program.stderr())
    };
    let ranks = ["rank 0 of 3", "rank 1 of 3", "rank 2 of 3"].map(str::to_owned);
    for copies in [&["-np", "3"][..], &[]] {
        let (is_well, lines, said) = run(copies);
        assert!(is_well && lines == ranks, "{copies:?}: {lines:?} {said}");
    }
    let (is_well, _, said) = run(&["-np", "4"]);
    assert!(!is_well && said.contains("slots"), "there are only 3 slots: {said}");
    say(format_args!("{} started 3 processes", version.lines().next().unwrap_or_default()));
}
