//! A program that a test talks to through its standard streams, as a person would at a terminal.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long an awaited line may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Lines that may wait to be heard before the program is held up.
const LINES_AHEAD: usize = 1024;

/// A running program. Dropping it kills it.
pub struct Dialogue {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Dialogue {
    /// Starts `command`; standard output and standard error are heard as one.
    pub fn start(command: &mut Command) -> Result<Self> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        let (sender, lines) = sync_channel(LINES_AHEAD);
        listen(child.stdout.take(), sender.clone());
        listen(child.stderr.take(), sender);
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines, heard: Vec::new() })
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the program's input is closed")?;
        writeln!(stdin, "{line}")?;
        Ok(stdin.flush()?)
    }

    /// Waits for a line that contains `words` and hands it back; what comes before it is passed over.
    pub fn hear(&mut self, words: &str) -> Result<String> {
        let end = Instant::now() + DEADLINE;
        loop {
            let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
            else {
                bail!("never heard {words:?}; heard:\n{}", self.heard.join("\n"));
            };
            self.heard.push(line.clone());
            if line.contains(words) {
                return Ok(line);
            }
        }
    }

    /// Types a line and waits for an answer.
    pub fn ask(&mut self, line: &str, words: &str) -> Result<String> {
        self.say(line)?;
        self.hear(words).with_context(|| format!("after {line:?}"))
    }

    /// Closes the input and waits for the end; hands back all that was heard.
    pub fn finish(mut self) -> Result<(ExitStatus, String)> {
        self.stdin = None;
        let end = Instant::now() + DEADLINE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.heard.push(line);
        }
        let Some(status) = ended(&mut self.child, end)? else {
            bail!("the program does not end; heard:\n{}", self.heard.join("\n"));
        };
        Ok((status, self.heard.join("\n")))
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        // Ended already is good as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How `child` ended, if it did before `end`. Its streams are closed already, so the wait is short.
fn ended(child: &mut Child, end: Instant) -> Result<Option<ExitStatus>> {
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

/// Passes on each line of `stream` until it ends or nobody listens.
fn listen(stream: Option<impl Read + Send + 'static>, lines: SyncSender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for bytes in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_answers() {
        let mut cat = Dialogue::start(&mut Command::new("cat")).unwrap();
        assert_eq!(cat.ask("hello world", "world").unwrap(), "hello world");
        assert!(cat.finish().unwrap().0.success());
    }
}
