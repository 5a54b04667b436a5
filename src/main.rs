//! The binary: parse, load, log, run until a signal, exit code. Everything else is the library's.

use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::stream;
use lagslope::cli::{self, BAD_CONFIGURATION, Cli, Command, FAILED};
use lagslope::config::{Cluster, Settings, environment};
use lagslope::daemon::{self, Reloading};
use lagslope::demo;
use lagslope::kafka::Sampler;
use lagslope::replay::Form;
use lagslope::telemetry::{self, Format};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let code = match Cli::read(std::env::args_os()) {
        Ok(Command::CheckConfig { file }) => {
            let variables = environment::of_this_process();
            // Whoever closed the pipe has read enough: the exit code still answers.
            cli::check_config(file, &variables, &mut io::stdout(), &mut io::stderr())
                .unwrap_or(FAILED)
        }
        Ok(Command::Replay {
            file,
            config_file,
            summary,
        }) => {
            let form = if summary { Form::Summary } else { Form::Lines };
            replay(&file, config_file, form, &mut io::stderr())
        }
        Ok(Command::Run(flags)) => run(&flags, &mut io::stderr()),
        Ok(Command::Demo(flags)) => demo(&flags, &mut io::stderr()),
        Ok(Command::Doctor(flags)) => doctor(&flags, &mut io::stdout(), &mut io::stderr()),
        Err(usage) => {
            let _ = usage.print();
            u8::try_from(usage.exit_code()).unwrap_or(FAILED)
        }
    };
    ExitCode::from(code)
}

/// Nothing when the configuration is bad, which is told.
fn settings(watched: &cli::Watched, errors: &mut impl Write) -> Option<Settings> {
    let read = watched.settings(&environment::of_this_process());
    read.inspect_err(|problems| {
        let _ = cli::report(problems, errors);
    })
    .ok()
}

fn replay(file: &Path, config: Option<PathBuf>, form: Form, errors: &mut impl Write) -> u8 {
    let variables = environment::of_this_process();
    let mut out = io::BufWriter::new(io::stdout().lock());
    cli::replay(file, config, &variables, form, &mut out, errors).unwrap_or(FAILED)
}

fn run(flags: &cli::Run, errors: &mut impl Write) -> u8 {
    let Some(settings) = settings(&flags.watched, errors) else {
        return BAD_CONFIGURATION;
    };
    flags.start_logging();
    match serve(settings, flags) {
        Ok(()) => 0,
        Err(error) => {
            let _ = cli::report(&format!("{error:#}"), errors);
            FAILED
        }
    }
}

fn doctor(flags: &cli::Doctor, out: &mut impl Write, errors: &mut impl Write) -> u8 {
    let Some(settings) = settings(&flags.watched, errors) else {
        return BAD_CONFIGURATION;
    };
    let Ok(runtime) = Runtime::new() else {
        let _ = cli::report(&"cannot start the runtime", errors);
        return FAILED;
    };
    let examined = cli::doctor(&settings, daemon::wall_clock(), flags.clock_watch, out);
    let told = runtime.block_on(examined);
    // A name that is being looked up has a thread of its own, which can't be stopped.
    runtime.shutdown_background();
    told.unwrap_or(FAILED)
}

fn demo(flags: &cli::Demo, errors: &mut impl Write) -> u8 {
    // What goes wrong is part of the play.
    telemetry::start(LevelFilter::ERROR, Format::Logfmt);
    let performed = runtime().map_err(anyhow::Error::from).and_then(|runtime| {
        let performed = runtime.block_on(async {
            let shutdown = shutdown().context("cannot listen for signals")?;
            Ok(demo::run(flags, io::stdout(), shutdown).await?)
        });
        // At once: there is nothing to be kept.
        runtime.shutdown_background();
        performed
    });
    match performed {
        Ok(()) => 0,
        Err(error) => {
            let _ = cli::report(&format!("{error:#}"), errors);
            FAILED
        }
    }
}

/// How long a cycle that is under way may keep the process once everything else has ended.
const LAST_CYCLE: Duration = Duration::from_secs(1);

/// Threads that no answer's decoding may take away from another cluster's tick, even on one processor.
const LEAST_WORKERS: usize = 2;

fn serve(settings: Settings, flags: &cli::Run) -> anyhow::Result<()> {
    let runtime = runtime().context("cannot start the runtime")?;
    let address = &flags.listen_address;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        let shutdown = shutdown().context("cannot listen for signals")?;
        let source = |cluster: &Cluster| Sampler::new(cluster.kafka.clone());
        let reloading = reloading(flags).context("cannot listen for signals")?;
        daemon::run(settings, source, listener, reloading, shutdown).await;
        Ok(())
    });
    runtime.shutdown_timeout(LAST_CYCLE);
    served
}

fn runtime() -> io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.max(LEAST_WORKERS))
        .enable_all()
        .build()
}

fn reloading(flags: &cli::Run) -> io::Result<Reloading> {
    let mut hangup = signal(SignalKind::hangup())?;
    let hangups = stream::poll_fn(move |context| hangup.poll_recv(context));
    let by_request = flags.enable_lifecycle;
    let flags = flags.clone();
    Ok(Reloading {
        load: Arc::new(move || flags.watched.settings(&environment::of_this_process())),
        hangups: Box::pin(hangups),
        by_request,
    })
}

fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
