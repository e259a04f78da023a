use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Result;

/// What a process took from its start to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Wall clock.
    pub(crate) seconds: f64,
    /// CPU time of all its threads, in user and in system.
    pub(crate) cpu_seconds: f64,
    /// Most memory resident at once, in 10^6 bytes.
    pub(crate) peak_mb: f64,
    /// Mini-batches a second, where the process says so.
    pub(crate) mini_batches_per_second: f64,
}

/// Runs a process to its end; its standard output comes with the figures.
pub(crate) fn run(command: &mut Command) -> Result<(Run, String)> {
    let cpu_before = cpu_of_children()?;
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let (output, peak_mb) = watch(child)?;
    let seconds = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    let run = Run { seconds, cpu_seconds: cpu_of_children()? - cpu_before, peak_mb, mini_batches_per_second: f64::NAN };
    Ok((run, String::from_utf8(output.stdout)?))
}

/// Waits for the end and looks at the peak of the resident memory meanwhile, every few milliseconds.
fn watch(child: Child) -> Result<(std::process::Output, f64)> {
    let status = format!("/proc/{}/status", child.id());
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak_kib = 0;
            while !ended.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&status).unwrap_or_default();
                let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
                peak_kib = peak.and_then(|peak| peak.trim().parse().ok()).unwrap_or(peak_kib);
                std::thread::sleep(Duration::from_millis(5));
            }
            f64::from(peak_kib) * 1024.0 / 1e6
        });
        let output = child.wait_with_output();
        ended.store(true, Ordering::Relaxed);
        let peak_mb = watcher.join().map_err(|_| "the memory watcher panicked")?;
        Ok((output?, peak_mb))
    })
}

/// CPU seconds of all children that have ended: `cutime` and `cstime` of proc_pid_stat(5), in ticks of 10 ms.
pub(crate) fn cpu_of_children() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The command's name, in parentheses, may hold blanks; the third field follows it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u32 = fields.skip(13).take(2).map(|ticks| ticks.parse().unwrap_or(0)).sum();
    Ok(f64::from(ticks) / 100.0)
}
