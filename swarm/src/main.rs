//! Many agents in one process: `cargo xtask swarm`.

mod args;
mod chance;
mod counts;
mod follow;
mod frame;
mod link;
mod machine;
mod node;
mod process;
mod report;
mod swarm;
mod tokens;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
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
