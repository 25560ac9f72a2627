//! When and from which source a number was measured.

use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Commit of the source tree that the program was built from, with `-dirty` where it has been edited since;
/// `unknown` without git or outside of a repository. `EIGHTFOLD_COMMIT` overrides it.
#[must_use]
pub fn commit() -> String {
    if let Some(commit) = std::env::var("EIGHTFOLD_COMMIT").ok().filter(|c| !c.trim().is_empty()) {
        return commit.trim().into();
    }
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(["-C", env!("CARGO_MANIFEST_DIR")])
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let output = command.output().ok().filter(|o| o.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}-dirty"),
    }
}

/// Now, in UTC: `2026-01-31T23:59:59Z`.
pub(super) fn now() -> String {
    date(SystemTime::now())
}

/// The last second of the year 9999.
const LATEST: u64 = 253_402_300_799;

/// A clock that is set before 1970 gives its first second, and one set after 9999 its last.
fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    utc(seconds.min(LATEST))
}

fn utc(seconds: u64) -> String {
    let (mut days, time) = (seconds / 86_400, seconds % 86_400);
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_clock_that_is_set_wrongly_gives_a_date_all_the_same() {
        let day = Duration::from_secs(86_400);
        assert_eq!(super::date(UNIX_EPOCH - day), "1970-01-01T00:00:00Z");
        assert_eq!(super::date(UNIX_EPOCH - day * 365 * 200), "1970-01-01T00:00:00Z");
        assert_eq!(super::date(UNIX_EPOCH + day * 50_000), "2106-11-24T00:00:00Z");
        assert_eq!(super::date(UNIX_EPOCH + Duration::from_secs(super::LATEST)), "9999-12-31T23:59:59Z");
        // a year that no machine will see; counting its days one year at a time would take for ever
        assert_eq!(super::date(UNIX_EPOCH + Duration::from_secs(1 << 62)), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn dates_agree_with_the_system_s_own() {
        // date -u -d @SECONDS +%FT%TZ
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(super::utc(seconds), text);
        }
    }
}
