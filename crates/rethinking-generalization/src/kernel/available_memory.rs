//! The memory that is free now: for programs, which pass it on as a limit. The method itself reads no files.

use std::path::Path;

/// Bytes that new work can take without swapping; `None` where the system does not say.
///
/// On Linux, `MemAvailable` of `/proc/meminfo`, and no more than what the control group of a container leaves.
pub fn available_memory() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_available(&text));
    let group = group_available(Path::new("/sys/fs/cgroup"));
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

fn mem_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `memory.max` less `memory.current` of a control group (version 2).
fn group_available(folder: &Path) -> Option<u64> {
    let number = |name| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        let text = "MemTotal:       24576000 kB\nMemFree:  1 kB\nMemAvailable:   23000000 kB\n";
        assert_eq!(mem_available(text), Some(23_552_000_000));
        assert_eq!(mem_available("MemTotal: 3 kB\n"), None);
        assert_eq!(mem_available("MemAvailable: lots kB\n"), None);
    }

    #[test]
    fn a_group_leaves_what_it_has_not_used() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(group_available(folder.path()), None);
        std::fs::write(folder.path().join("memory.max"), "5000\n").unwrap();
        std::fs::write(folder.path().join("memory.current"), "1200\n").unwrap();
        assert_eq!(group_available(folder.path()), Some(3800));
        std::fs::write(folder.path().join("memory.max"), "max\n").unwrap();
        assert_eq!(group_available(folder.path()), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_says() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
