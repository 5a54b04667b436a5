//! The keeper of processes itself: what it started ends with the test, also when nobody could clean up.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::processes::{Processes, is_running, wait_until};

/// Set in the process that is to be killed.
const VICTIM: &str = "LAGSLOPE_TEST_VICTIM";

/// How long a killed process may take to disappear on a busy machine.
const GONE: Duration = Duration::from_secs(20);

/// A process, and one that it started itself, which only its process group gives away.
const SCRIPT: &str = "sleep 1000 & echo child $!; exec sleep 1000";

#[test]
fn dropping_ends_processes_and_removes_the_folder() {
    let processes = Processes::new("drop");
    let folder = processes.folder().to_owned();
    let pid = processes.start("sleeper", SCRIPT);
    assert!(is_running(pid) && folder.is_dir());
    drop(processes);
    assert!(!is_running(pid) && !folder.exists());
}

#[test]
fn an_exit_code_is_told() {
    let processes = Processes::new("exit");
    processes.start("short", "exit 3");
    assert_eq!(processes.exit_code("short"), 3);
    assert!(!processes.signal("short", "TERM"));
}

/// Runs itself as a process that starts some and waits, kills that with SIGKILL, and looks whether they are gone.
#[test]
fn killing_the_test_ends_what_it_started() {
    if std::env::var_os(VICTIM).is_some() {
        return wait_to_be_killed();
    }
    let mut victim = Command::new(std::env::current_exe().expect("this test has a path"))
        .args(["killing_the_test_ends_what_it_started", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test can be run");
    let stdout = victim.stdout.take().expect("it was piped");
    let pids: Vec<u32> = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let pids = line.split_once("pids ")?.1.split(' ');
            pids.map(|pid| pid.parse().ok()).collect()
        })
        .expect("it says what it started");
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| is_running(*pid)));

    victim.kill().expect("it is running");
    victim.wait().expect("it was started here");
    let gone = || (!pids.iter().any(|pid| is_running(*pid))).then_some(());
    wait_until(GONE, gone).expect("all gone");
}

fn wait_to_be_killed() {
    let processes = Processes::new("victim");
    let pid = processes.start("sleeper", SCRIPT);
    let child = processes.wait_ready("sleeper", pid, GONE, || {
        let log = processes.log_tail("sleeper");
        log.strip_prefix("child ")?.trim().parse::<u32>().ok()
    });
    println!("pids {pid} {child}");
    // Killed long before; if not, the parent fails and this ends by itself.
    std::thread::sleep(GONE);
}
