//! Parses the command line, runs it, turns an error into one line and an exit code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match surety::cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("surety: {failure:#}");
            ExitCode::from(surety::cli::exit_code(&failure))
        }
    }
}
