//! Child processes that end: each has a deadline and takes its whole family with it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

/// The process groups that an interrupt has to end, since they do not share the terminal's.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Output that is kept of a command that runs quietly, for its error message: the last lines are what tells.
const KEPT_BYTES: usize = 4096;

/// Runs a command to its end, its output going where `command` says.
///
/// Past `deadline` the process, its group and its descendants are killed and that is an error.
pub fn run(command: &mut Command, deadline: Duration) -> Result<ExitStatus> {
    let mut child = spawn(command)?;
    finish(&mut child, deadline, command)
}

/// As [`run`], and hands every line of standard output to `line` as it comes.
pub fn run_lines(
    command: &mut Command,
    deadline: Duration,
    mut line: impl FnMut(&str) + Send,
) -> Result<ExitStatus> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let stdout = child.stdout.take().context("no pipe to the child")?;
    thread::scope(|scope| {
        scope.spawn(move || {
            for bytes in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                line(&String::from_utf8_lossy(&bytes));
            }
        });
        finish(&mut child, deadline, command)
    })
}

/// Runs a command quietly; a failure shows the end of what it said.
pub fn run_quiet(command: &mut Command, deadline: Duration) -> Result<()> {
    let mut child =
        spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, said) = thread::scope(|scope| {
        let stdout = scope.spawn(|| tail(stdout));
        let stderr = scope.spawn(|| tail(stderr));
        let status = finish(&mut child, deadline, command);
        let said = [stdout, stderr].map(|reader| reader.join().unwrap_or_default()).concat();
        (status, said)
    });
    let status = status.with_context(|| said.clone())?;
    if !status.success() {
        bail!("{} ended with {status}:\n{said}", name(command));
    }
    Ok(())
}

/// Makes an interrupt (Ctrl-C, SIGTERM) end the running commands before it ends this process.
pub fn end_children_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        for &leader in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            kill_family(leader);
        }
        std::process::exit(130);
    })
    .context("no handler for interrupts")
}

/// Starts `command` at the head of a process group of its own.
fn spawn(command: &mut Command) -> Result<Child> {
    let child = command
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} does not start", name(command)))?;
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(Pid::from_child(&child));
    Ok(child)
}

/// Waits for the end, and lets nothing that the command started outlive it.
///
/// The family is killed while the leader is still a zombie: until it is reaped its id names nothing else.
fn finish(child: &mut Child, deadline: Duration, command: &Command) -> Result<ExitStatus> {
    let leader = Pid::from_child(child);
    let in_time = wait_in_time(leader, deadline);
    kill_family(leader);
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|&pid| pid != leader);
    let status = child.wait()?;
    if !in_time {
        bail!("{} was not done within {} s and was killed", name(command), deadline.as_secs());
    }
    Ok(status)
}

/// Whether `leader` ended by itself within `deadline`; it is left unreaped.
fn wait_in_time(leader: Pid, deadline: Duration) -> bool {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(leader), options)
            .is_err_and(|error| error == rustix::io::Errno::INTR)
        {}
        // The receiver is gone where the deadline came first.
        let _ = ended.send(());
    });
    end.recv_timeout(deadline).is_ok()
}

/// Kills a process group and every descendant that left it. Gone already is good as well.
fn kill_family(leader: Pid) {
    for pid in descendants(leader) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let _ = kill_process_group(leader, Signal::KILL);
}

/// Every living descendant of `ancestor`.
fn descendants(ancestor: Pid) -> Vec<Pid> {
    let parents = parents();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|&&(_, of)| of == parent).map(|&(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// Each process on the machine with its parent.
fn parents() -> Vec<(Pid, Pid)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name before ')' may hold anything; then come state and parent.
            let parent: i32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((Pid::from_raw(pid)?, Pid::from_raw(parent)?))
        })
        .collect()
}

/// Reads to the end and keeps the last few kilobytes.
fn tail(source: Option<impl Read>) -> String {
    let mut kept = Vec::new();
    let Some(mut source) = source else {
        return String::new();
    };
    let mut chunk = [0; 8192];
    while let Ok(n @ 1..) = source.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..n]);
        kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A command as a person would type it.
fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn an_overrun_is_killed_with_its_family() {
        let (pid, grandchild) = mpsc::channel();
        let run = run_lines(
            &mut shell("setsid sleep 600 & echo $!; wait"),
            Duration::from_secs(1),
            |line| {
                pid.send(line.parse::<i32>().unwrap()).unwrap();
            },
        );
        assert!(run.unwrap_err().to_string().contains("not done within 1 s"));
        let state = fs::read_to_string(format!("/proc/{}/stat", grandchild.recv().unwrap()))
            .unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    #[test]
    fn what_a_command_left_running_ends_with_it() {
        run_lines(&mut shell("sleep 600 & echo started"), AMPLE, |line| {
            assert_eq!(line, "started")
        })
        .unwrap();
    }

    #[test]
    fn a_quiet_failure_shows_what_was_said() {
        let error =
            run_quiet(&mut shell("echo out; echo err >&2; exit 3"), AMPLE).unwrap_err().to_string();
        assert!(error.contains("out\nerr\n"), "{error}");
    }
}
