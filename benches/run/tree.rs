//! What a process and all that it starts take together: frameworks start servers and workers of their own, some of which
//! nobody waits for.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::process::{Run, cpu_of_children};

/// Between two looks at all processes.
const EVERY: Duration = Duration::from_millis(20);

/// For what has been started to end after the process itself has.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a process to its end and until all that it started has ended; the seconds are those to its own end.
///
/// `/proc` is looked at every 20 ms. CPU time is the sum of what each process had used when it was last seen, or what
/// waiting for the first one tells, if that is more. The peak of memory is that of a sum over the processes; what they
/// can share (mapped files, shared memory) is counted once, for the one that has most of it.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    let cpu_before = cpu_of_children()?;
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut errors = child.stderr.take().ok_or("the process has no standard error")?;
    // What is left running may hold the other end, so nothing waits for this thread unless the process fails.
    let errors = std::thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        errors.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    })?;
    let mut tree = Tree::of(child.id());
    let status = loop {
        tree.look();
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(EVERY);
    };
    let seconds = started.elapsed().as_secs_f64();
    let ended = Instant::now();
    while tree.look() > 0 {
        if ended.elapsed() > GRACE {
            return Err(format!("{command:?} left processes behind: {:?}", tree.alive).into());
        }
        std::thread::sleep(EVERY);
    }
    if !status.success() {
        let text = errors.join().map_err(|_| "the reader of errors panicked")??;
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        return Err(format!("ended with {status}: {last}").into());
    }
    let cpu_seconds = tree.cpu_seconds().max(cpu_of_children()? - cpu_before);
    Ok(Run { seconds, cpu_seconds, peak_mb: tree.peak_kib as f64 * 1024.0 / 1e6, mini_batches_per_second: f64::NAN })
}

/// A process, its children, theirs, and so on, also after their parents have ended: but not one whose parent ended before
/// the two were seen together.
struct Tree {
    /// CPU time when last seen, in ticks of 10 ms, of all that have ever been there.
    members: BTreeMap<u32, u64>,
    /// Those that run.
    alive: Vec<u32>,
    /// Processes of others.
    strangers: HashSet<u32>,
    peak_kib: u64,
}

impl Tree {
    fn of(root: u32) -> Tree {
        Tree { members: BTreeMap::from([(root, 0)]), alive: Vec::new(), strangers: HashSet::new(), peak_kib: 0 }
    }

    /// Looks at all processes of this machine; how many of the tree run.
    fn look(&mut self) -> usize {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut ids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        // Parents before their children, but for numbers that begin anew.
        ids.sort_unstable();
        self.alive.clear();
        let mut memory = Memory::default();
        for id in ids {
            if self.strangers.contains(&id) {
                continue;
            }
            let Some(stat) = Stat::read(id) else { continue };
            if !self.members.contains_key(&id) && !self.members.contains_key(&stat.parent) {
                // Whose parent is not known yet is asked for again.
                if stat.parent == 0 || self.strangers.contains(&stat.parent) {
                    self.strangers.insert(id);
                }
                continue;
            }
            self.members.insert(id, stat.ticks);
            if stat.runs {
                self.alive.push(id);
                memory.add(id);
            }
        }
        self.peak_kib = self.peak_kib.max(memory.own + memory.files + memory.shared);
        self.alive.len()
    }

    fn cpu_seconds(&self) -> f64 {
        self.members.values().sum::<u64>() as f64 / 100.0
    }
}

/// Fields of proc_pid_stat(5).
struct Stat {
    parent: u32,
    /// Whether it has not ended yet, though perhaps nobody has waited for it.
    runs: bool,
    ticks: u64,
}

impl Stat {
    fn read(id: u32) -> Option<Stat> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The command's name, in parentheses, may hold blanks; the third field follows it.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            runs: !matches!(*fields.first()?, "Z" | "X"),
            ticks: ticks(11)? + ticks(12)?,
        })
    }
}

/// Resident memory of several processes, in KiB.
#[derive(Default)]
struct Memory {
    /// That nobody can share: a sum.
    own: u64,
    /// Of mapped files, mostly libraries: the largest.
    files: u64,
    /// Shared memory, such as a store of objects: the largest.
    shared: u64,
}

impl Memory {
    fn add(&mut self, id: u32) {
        // It may have ended meanwhile.
        let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
            line.and_then(|kib| kib.trim().parse().ok()).unwrap_or(0)
        };
        self.own += kib("RssAnon:");
        self.files = self.files.max(kib("RssFile:"));
        self.shared = self.shared.max(kib("RssShmem:"));
    }
}
