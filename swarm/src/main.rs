//! Many agents in one process: `cargo xtask swarm`. With `past` it writes days that never were into a
//! store, to measure what keeping them costs.

mod args;
mod chance;
mod counts;
mod follow;
mod frame;
mod link;
mod machine;
mod node;
mod past;
mod process;
mod report;
mod swarm;
mod tokens;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|command| command == "past") {
        return past::main();
    }
    let args = args::Args::parse();
    let as_json = args.json;
    match swarm::run(args) {
        Ok(report) => {
            if as_json {
                // A report is made of numbers and texts only.
                println!("{}", serde_json::to_string(&report).unwrap_or_default());
            } else {
                print!("{report}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("swarm: {error}");
            ExitCode::FAILURE
        }
    }
}
