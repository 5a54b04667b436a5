//! The pressure pair as a process: `examples/pressure`, the same that a person starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::Instant;

/// A running pair; ends when dropped.
pub(super) struct Pressure {
    _child: Child,
    orders: ChildStdin,
    phase: watch::Receiver<Phase>,
}

/// Where its scenario is, if it has one.
struct Phase {
    name: String,
    began: Instant,
}

impl Pressure {
    /// Starts the example with these arguments.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(example("pressure"))
            .args(arguments)
            // Should this process be killed, the pair ends with its pipe.
            .arg("--stop-on-eof")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("cargo test builds the examples");
        let orders = child.stdin.take().expect("piped");
        let (told, phase) = watch::channel(Phase {
            name: String::new(),
            began: Instant::now(),
        });
        tokio::spawn(follow(child.stdout.take().expect("piped"), told));
        Self {
            _child: child,
            orders,
            phase,
        }
    }

    /// Changes the consumer's rate, in messages per second.
    pub(super) async fn consume(&mut self, rate: u32) {
        self.order(&format!("consume {rate}")).await;
    }

    /// Begins the next phase of its scenario now.
    pub(super) async fn next(&mut self) {
        self.order("next").await;
    }

    /// Waits until a phase of its scenario has begun; says when that was.
    pub(super) async fn wait_for_phase(&mut self, name: &str) -> Instant {
        let begun = self.phase.wait_for(|phase| phase.name == name).await;
        begun.expect("the pair runs as long as the test").began
    }

    async fn order(&mut self, order: &str) {
        let line = format!("{order}\n");
        self.orders
            .write_all(line.as_bytes())
            .await
            .expect("it listens");
    }
}

/// Reads what the pair says until it ends: the pipe would fill otherwise. What went wrong is passed on.
async fn follow(stdout: ChildStdout, told: watch::Sender<Phase>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(name) = line.strip_prefix("phase=") {
            told.send_replace(Phase {
                name: name.trim_matches('"').to_owned(),
                began: Instant::now(),
            });
        } else if line.starts_with("error=") {
            println!("pressure: {line}");
        }
    }
}

/// A file beside the example.
pub(super) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/pressure")
        .join(name)
}

/// The example as cargo builds it now: `cargo test --test it` alone would leave an old one, or none.
fn example(name: &str) -> PathBuf {
    let built = std::process::Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "cargo build --example {name}: {built}");
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_lagslope"));
    binary
        .parent()
        .expect("a folder")
        .join("examples")
        .join(name)
}
