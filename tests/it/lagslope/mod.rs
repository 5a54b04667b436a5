//! The real binary for tests: started with a configuration, scraped over HTTP, stopped when dropped.

mod scrape;

use std::io::Write;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

pub(crate) use scrape::Scrape;

/// How long the binary may take until it listens: nothing that it does before depends on Kafka.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A running daemon.
pub(crate) struct Lagslope {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
    config: NamedTempFile,
}

impl Lagslope {
    /// Starts `lagslope run` with this configuration on a free port.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(config, &[]).await
    }

    /// The same with more arguments.
    pub(crate) async fn start_with(config: &str, arguments: &[&str]) -> Self {
        Self::start_among(config, arguments, &[]).await
    }

    /// The same with variables of the environment.
    pub(crate) async fn start_among(
        config: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let file = config_file(config);
        let mut child = command()
            .args([
                "run",
                "--web.listen-address",
                "127.0.0.1:0",
                "--config.file",
            ])
            .arg(file.path())
            .args(arguments)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        tokio::spawn(collect(
            child.stderr.take().expect("piped"),
            Arc::clone(&log),
        ));
        let address = timeout(START_TIMEOUT, listening(&log))
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "lagslope does not listen after {START_TIMEOUT:?}; it says:\n{}",
                    log.lock().expect("not poisoned")
                )
            });
        Self {
            child,
            address,
            log,
            config: file,
        }
    }

    /// What `/metrics` says now.
    pub(crate) async fn scrape(&self) -> Scrape {
        Scrape::parse(&self.get("/metrics").await.1)
    }

    /// Status and body of a path.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}{path}", self.address))
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Status and body of a POST.
    pub(crate) async fn post(&self, path: &str) -> (u16, String) {
        let asked = reqwest::Client::new().post(format!("http://{}{path}", self.address));
        let answer = asked.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Puts another text into its configuration file.
    pub(crate) fn rewrite(&self, config: &str) {
        std::fs::write(self.config.path(), config).expect("written");
    }

    /// Scrapes until `condition` holds; panics with the log and the last page when it doesn't within `within`.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        within: Duration,
        condition: impl Fn(&Scrape) -> bool,
    ) -> Scrape {
        let deadline = Instant::now() + within;
        loop {
            let scrape = self.scrape().await;
            if condition(&scrape) {
                return scrape;
            }
            assert!(
                Instant::now() < deadline,
                "not within {within:?}: {what}\n{}\n{}",
                scrape.text(),
                self.log()
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// Everything it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("not poisoned").clone()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("still running")
    }

    /// Sends a signal by its name.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("still running").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        let sent = sent.await.expect("kill runs");
        assert!(sent.success(), "kill -s {name} {id}: {sent}");
    }

    /// Sends SIGTERM; says how it ended and how long that took.
    pub(crate) async fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal("TERM").await;
        let status = timeout(Duration::from_secs(30), self.child.wait())
            .await
            .expect("it ends")
            .expect("it was our child");
        (status, asked.elapsed())
    }
}

/// The binary with a clean environment: what a developer has set must not change a test.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lagslope"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAGSLOPE__")) {
        command.env_remove(name);
    }
    command
}

/// A configuration in a temporary file.
pub(crate) fn config_file(text: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new()
        .prefix("lagslope-")
        .suffix(".yaml")
        .tempfile()
        .expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

async fn collect(stderr: impl AsyncRead + Unpin, log: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut log = log.lock().expect("not poisoned");
        log.push_str(&line);
        log.push('\n');
    }
}

/// The address in the line that says where it listens.
async fn listening(log: &Mutex<String>) -> SocketAddr {
    loop {
        let text = log.lock().expect("not poisoned").clone();
        let found = text.lines().find_map(|line| {
            line.split("address=")
                .nth(1)?
                .split_whitespace()
                .next()?
                .trim_matches('"')
                .parse()
                .ok()
        });
        if let Some(address) = found {
            return address;
        }
        sleep(Duration::from_millis(10)).await;
    }
}
