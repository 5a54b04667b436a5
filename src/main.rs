//! The binary: parse, load, log, run until a signal, exit code. Everything else is the library's.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use lagslope::cli::{self, BAD_CONFIGURATION, Cli, Command, FAILED};
use lagslope::config::{Settings, environment};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let code = match Cli::read(std::env::args_os()) {
        Ok(Command::CheckConfig { file }) => {
            let variables = environment::of_this_process();
            // Whoever closed the pipe has read enough: the exit code still answers.
            cli::check_config(file, &variables, &mut io::stdout(), &mut io::stderr())
                .unwrap_or(FAILED)
        }
        Ok(Command::Run(flags)) => run(&flags, &mut io::stderr()),
        Err(usage) => {
            let _ = usage.print();
            u8::try_from(usage.exit_code()).unwrap_or(FAILED)
        }
    };
    ExitCode::from(code)
}

fn run(flags: &cli::Run, errors: &mut impl Write) -> u8 {
    let settings = match flags.settings(&environment::of_this_process()) {
        Ok(settings) => settings,
        Err(problems) => {
            let _ = cli::report(&problems, errors);
            return BAD_CONFIGURATION;
        }
    };
    flags.start_logging();
    match serve(settings, &flags.listen_address) {
        Ok(()) => 0,
        Err(error) => {
            let _ = cli::report(&format!("{error:#}"), errors);
            FAILED
        }
    }
}

#[tokio::main]
async fn serve(settings: Settings, address: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tracing::info!(address = %listener.local_addr()?, version = cli::VERSION, revision = cli::REVISION, "listening");
    // The daemon takes over here: `daemon::run(Arc::new(settings), …, listener, shutdown).await`.
    let _ = (settings, listener);
    shutdown.await;
    Ok(())
}
