//! The pressure pair as a process: `examples/pressure.rs`, the same that a person starts.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// A running pair; ends when dropped.
pub(super) struct Pressure {
    _child: Child,
    orders: ChildStdin,
}

impl Pressure {
    /// Starts the example with these arguments.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(example("pressure"))
            .args(arguments)
            // Should this process be killed, the pair ends with its pipe.
            .arg("--stop-on-eof")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("cargo test builds the examples");
        let orders = child.stdin.take().expect("piped");
        Self {
            _child: child,
            orders,
        }
    }

    /// Changes the consumer's rate, in messages per second.
    pub(super) async fn consume(&mut self, rate: u32) {
        let order = format!("consume {rate}\n");
        self.orders
            .write_all(order.as_bytes())
            .await
            .expect("it listens");
    }
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
