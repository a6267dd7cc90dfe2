//! Processor time, as Linux tells it, in hundredths of a second.

use std::fs;
use std::time::Duration;

/// What a process has taken, with its children that have ended.
pub fn time_of(pid: u32) -> Duration {
    // What comes before is the program's name, in brackets. The process may have ended meanwhile.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.split(' ')).into_iter().flatten();
    let ticks = fields.skip(11).take(4).map(|ticks| ticks.parse::<u64>().expect("times are numbers"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// What a process has taken, with all its children.
pub fn time_of_family(pid: u32) -> Duration {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it runs");
    let children = children.split_whitespace().map(|child| time_of(child.parse().expect("it is a number")));
    time_of(pid) + children.sum::<Duration>()
}
