//! The program `headroom`: flags → settings → command → exit code.

use std::process::ExitCode;

use clap::Parser as _;
use headroom::agent::command as agent;
use headroom::config::{Cli, Command};
use headroom::error::{Error, fail};
use headroom::{
    alerts, backup, config, doctor, explain, fit, free, manual, past, serve, setup, tokens, viewers,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(error.chain());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    config::check_environment()?;
    match cli.command.unwrap_or(Command::Serve(Box::new(cli.serve))) {
        Command::Serve(args) => serve::run(&args.resolve()?),
        Command::Agent(args) => agent::run(args.resolve()?),
        Command::Free(args) => free::run(&args),
        Command::Fit(args) => fit::command::run(*args),
        Command::Hold(command) => fit::command::hold(command),
        Command::Explain(args) => explain::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Token(command) => tokens::command::run(command),
        Command::Export(args) => past::export::run(args),
        Command::Import(args) => past::import::run(args),
        Command::History(command) => past::run(command),
        Command::Alert(command) => alerts::command::run(command),
        Command::Backup(args) => backup::make(args),
        Command::Restore(args) => backup::restore(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Password(args) => viewers::command::run(args),
        Command::Completions(args) => manual::completions(&args),
        Command::Manual(args) => manual::write(&args),
    }
}
