//! Processes that a test starts and that never outlive it: brokers, Prometheus, the daemon.
//!
//! A shell script of a few lines keeps them (`processes.sh`): its standard input ends when the test does, even by SIGKILL, and then it kills
//! its process group and removes the temporary folder. Dropping [`Processes`] does the same and waits for it.
#![allow(
    dead_code,
    reason = "offered to every test; not all of it is used at any time"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const KEEPER: &str = include_str!("processes.sh");

/// How often a condition is looked at while it is waited for.
const POLL: Duration = Duration::from_millis(50);

/// How much of a log is shown when something fails: enough for a Java stack trace and what led to it.
const TAIL_LINES: usize = 40;

/// Ports below Linux's ephemeral range, so that no outgoing connection takes one between choosing and listening.
const FIRST_PORT: u32 = 12_000;
const PORTS: u32 = 20_000;

/// A group of processes with a temporary folder in common.
pub(crate) struct Processes {
    folder: PathBuf,
    keeper: Child,
    talk: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Processes {
    /// Starts the keeper in a process group of its own, so that Ctrl-C in a terminal reaches the test and not what it keeps.
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("lagslope-{name}-"))
            .tempdir()
            .expect("a temporary folder")
            .keep();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh is everywhere");
        let stdin = keeper.stdin.take().expect("it was piped");
        let stdout = keeper.stdout.take().expect("it was piped");
        Self {
            folder,
            keeper,
            talk: Mutex::new(Some((stdin, BufReader::new(stdout)))),
        }
    }

    /// The temporary folder of the group; what is put there goes with it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of one process, made if need be: its `log` is there, and room for its files.
    pub(crate) fn folder_of(&self, id: &str) -> PathBuf {
        let folder = self.folder.join(id);
        fs::create_dir_all(&folder).expect("a folder in our temporary folder");
        folder
    }

    /// Runs lines of shell as process `id` (letters, digits, `_`), the last of them with `exec`; returns its process id.
    pub(crate) fn start(&self, id: &str, script: &str) -> u32 {
        let command = self.folder_of(id).join("command");
        fs::write(command, script).expect("a file in our temporary folder");
        self.ask(&format!("start {id}"))
            .parse()
            .expect("a process id")
    }

    /// Sends a signal by its name without `SIG`; false if the process is gone.
    pub(crate) fn signal(&self, id: &str, name: &str) -> bool {
        self.ask(&format!("signal {id} {name}")) == "sent"
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(&self, id: &str) {
        self.signal(id, "KILL");
        self.exit_code(id);
    }

    /// Waits for the end of the process; 128 + n after signal n. Ask for it only of one that ends.
    pub(crate) fn exit_code(&self, id: &str) -> i32 {
        self.ask(&format!("wait {id}"))
            .parse()
            .expect("an exit code")
    }

    /// The last lines that the process printed.
    pub(crate) fn log_tail(&self, id: &str) -> String {
        let log = fs::read_to_string(self.folder.join(id).join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Waits until `ready` answers something; fails with the log of `id` when the process ends or the deadline passes before.
    pub(crate) fn wait_ready<T>(
        &self,
        id: &str,
        pid: u32,
        deadline: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> T {
        let found = wait_until(deadline, || match ready() {
            Some(value) => Some(Some(value)),
            None if !is_running(pid) => Some(None),
            None => None,
        });
        found.flatten().unwrap_or_else(|| {
            panic!(
                "{id} didn't get ready within {deadline:?}:\n{}",
                self.log_tail(id)
            )
        })
    }

    fn ask(&self, line: &str) -> String {
        let mut talk = self.talk.lock().expect("nobody panics while holding it");
        let (stdin, stdout) = talk.as_mut().expect("open until dropped");
        writeln!(stdin, "{line}").expect("the keeper reads");
        let mut answer = String::new();
        stdout.read_line(&mut answer).expect("the keeper answers");
        answer.trim().to_owned()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if let Ok(mut talk) = self.talk.lock() {
            talk.take();
        }
        // Nothing can be done about an error here; the keeper ends by killing its own group.
        let _ = self.keeper.wait();
    }
}

/// Asks again and again until `ask` answers something or the deadline passes.
pub(crate) fn wait_until<T>(deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(POLL);
    }
}

/// Whether a process exists and has not merely not been collected yet.
pub(crate) fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit(')').next().map(str::to_owned))
        .is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']))
}

/// A loopback port that nothing listens on, never the same twice in this process.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at once start far from each other.
    const APART: u32 = 977;
    let start = std::process::id().wrapping_mul(APART);
    (0..PORTS)
        .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS + FIRST_PORT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of 20,000 ports is free")
}
