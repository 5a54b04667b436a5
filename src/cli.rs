//! What can be typed. Arguments are parsed here and settings loaded; what a command then does is the library's.

mod demo;
mod doctor;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, Problems, Settings, Start};
use crate::{replay, telemetry};

pub use demo::Demo;
pub use doctor::{doctor, page};

/// This version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from, where the build said so.
pub const REVISION: &str = match option_env!("LAGSLOPE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The exit code for a bad configuration: `EX_CONFIG` of sysexits.h.
pub const BAD_CONFIGURATION: u8 = 78;

/// The exit code for a failure at run time.
pub const FAILED: u8 = 1;

static LONG_VERSION: LazyLock<String> = LazyLock::new(|| format!("{VERSION} ({REVISION})"));

const BOOTSTRAP_SERVERS: &str = "--bootstrap.servers";

/// Watches Kafka consumer lag as a trend.
#[derive(Debug, Parser)]
#[command(name = "lagslope", version = LONG_VERSION.as_str(), args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch, and expose what is seen (the default)
    Run(Run),
    /// Run the detectors over a recording, and print what they would have said as JSON lines
    #[command(
        after_help = "Exit codes: 0 replayed; 1 a row that cannot be read, with its line; 78 bad configuration."
    )]
    Replay {
        /// The recording: CSV, gzip accepted
        file: PathBuf,
        /// Thresholds, ceilings and patterns [default: none]
        #[arg(long = "config.file", value_name = "FILE")]
        config_file: Option<PathBuf>,
        /// A table for people, and the times that a signal was raised, instead of JSON lines
        #[arg(long)]
        summary: bool,
    },
    /// Read a configuration and list what is wrong with it
    #[command(
        after_help = "What hides behind a fault is found when that is mended: run it again then.\n\
        Exit codes: 0 nothing is wrong; 78 something is."
    )]
    CheckConfig {
        /// The configuration file; LAGSLOPE__… variables are applied to it
        file: PathBuf,
    },
    /// Ask each cluster each thing the daemon asks: allowed, refused and for want of which right, unsupported
    #[command(
        after_help = "One of --config.file and --bootstrap.servers is needed, as for run.\n\
        Exit codes: 0 all that is needed is allowed; 1 something isn't; 2 wrong usage; 78 bad configuration."
    )]
    Doctor(Doctor),
    /// Watch a simulated cluster, on which every signal is acted out within two minutes
    Demo(Demo),
}

/// Which clusters are meant.
#[derive(Args, Clone, Debug)]
pub struct Watched {
    /// The configuration file [default: none]
    #[arg(
        long = "config.file",
        value_name = "FILE",
        conflicts_with = "bootstrap_servers"
    )]
    config_file: Option<PathBuf>,
    /// Start without a file: one cluster, called `default`, everything else at its defaults [default: none]
    #[arg(
        long = "bootstrap.servers",
        value_name = "HOST:PORT,…",
        value_delimiter = ','
    )]
    bootstrap_servers: Option<Vec<String>>,
}

/// The doctor's flags.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// What to look at
    #[command(flatten)]
    pub watched: Watched,
    /// How long to wait for new records, whose timestamps tell whose clock is off; consumers commit every 5 s by default
    #[arg(long = "clock.watch", value_name = "TIME", default_value = "6s", value_parser = clock_watch)]
    pub clock_watch: Duration,
}

/// Who waits longer for a record should rather make one.
const CLOCK_WATCH_MAX: Duration = Duration::from_secs(600);

/// The daemon's flags.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "One of --config.file and --bootstrap.servers is needed. LAGSLOPE__… variables are applied to either:\n\
    LAGSLOPE__CLUSTERS__0__NAME=prod is clusters[0].name.\n\
    Exit codes: 0 ended by SIGTERM or SIGINT; 1 failed at run time; 2 wrong usage; 78 bad configuration."
)]
pub struct Run {
    /// What to watch
    #[command(flatten)]
    pub watched: Watched,
    /// Where to serve /metrics; without a host on all addresses
    #[arg(long = "web.listen-address", value_name = "[HOST]:PORT", default_value = "0.0.0.0:9877", value_parser = listen_address)]
    pub listen_address: String,
    /// Let requests reload the configuration: POST or PUT to /-/reload. SIGHUP always does
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,
    /// Which events are logged
    #[arg(long = "log.level", default_value = "info")]
    log_level: Level,
    /// How a log line looks
    #[arg(long = "log.format", default_value = "logfmt")]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Logfmt,
    Json,
}

impl Cli {
    /// The command that was meant.
    ///
    /// # Errors
    /// Help, the version or wrong usage, as clap prints them.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
        let cli = Self::try_parse_from(arguments)?;
        let command = cli.command.unwrap_or(Command::Run(cli.run));
        if let Command::Run(Run { watched, .. }) | Command::Doctor(Doctor { watched, .. }) =
            &command
        {
            watched.start_or_usage()?;
        }
        Ok(command)
    }
}

impl Run {
    /// Logs from now on as the flags say.
    pub fn start_logging(&self) {
        telemetry::start(self.log_level.into(), self.log_format.into());
    }
}

impl Watched {
    /// The settings that the flags lead to.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn settings(&self, variables: &[(OsString, OsString)]) -> Result<Settings, Problems> {
        let start = self
            .start_or_usage()
            .expect("asked when the arguments were read");
        config::load(&start, variables)
    }

    fn start_or_usage(&self) -> Result<Start, clap::Error> {
        match (&self.config_file, &self.bootstrap_servers) {
            (Some(file), _) => Ok(Start::File(file.clone())),
            (None, Some(servers)) => Ok(Start::BootstrapServers(BOOTSTRAP_SERVERS, servers.clone())),
            (None, None) => Err(Cli::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "what to watch? Name a file with --config.file FILE, or a cluster with --bootstrap.servers HOST:PORT",
            )),
        }
    }
}

/// Says `OK` or everything that is wrong, each to its own writer, and returns the exit code.
///
/// # Errors
/// When a writer refuses.
pub fn check_config(
    file: PathBuf,
    variables: &[(OsString, OsString)],
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<u8> {
    let name = file.display().to_string();
    match config::load(&Start::File(file), variables) {
        Ok(_) => {
            writeln!(out, "{name}: OK")?;
            Ok(0)
        }
        Err(problems) => {
            report(&problems, errors)?;
            Ok(BAD_CONFIGURATION)
        }
    }
}

/// Replays a recording to `out`, and returns the exit code.
///
/// # Errors
/// When `errors` refuses.
pub fn replay(
    file: &Path,
    config_file: Option<PathBuf>,
    variables: &[(OsString, OsString)],
    form: replay::Form,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<u8> {
    let settings = match config_file {
        Some(config) => config::load(&Start::File(config), variables),
        None => Ok(Settings::without_clusters()),
    };
    match settings {
        Ok(settings) => match replay::run(file, &settings, form, out) {
            Ok(()) => Ok(0),
            Err(fault) => report(&fault, errors).map(|()| FAILED),
        },
        Err(problems) => report(&problems, errors).map(|()| BAD_CONFIGURATION),
    }
}

/// Writes each line of an error as one of ours.
///
/// # Errors
/// When the writer refuses.
pub fn report(error: &impl std::fmt::Display, errors: &mut impl Write) -> io::Result<()> {
    error
        .to_string()
        .lines()
        .try_for_each(|line| writeln!(errors, "lagslope: {line}"))
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

impl From<Format> for telemetry::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Logfmt => Self::Logfmt,
            Format::Json => Self::Json,
        }
    }
}

fn clock_watch(text: &str) -> Result<Duration, String> {
    let time = config::parse_duration(text).ok_or("expected a time such as 6s or 1m")?;
    if time > CLOCK_WATCH_MAX {
        return Err(format!("more than {CLOCK_WATCH_MAX:?}"));
    }
    Ok(time)
}

/// `:9877` is all addresses, as for Prometheus' exporters.
fn listen_address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT or :PORT")?;
    port.parse::<u16>()
        .map_err(|_| format!("{port:?} is no port"))?;
    Ok(match host {
        "" => format!("0.0.0.0:{port}"),
        _ => text.to_owned(),
    })
}
