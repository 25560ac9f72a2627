//! A file that changes between the passes, which no test of real files can time.

use std::cell::Cell;

use super::*;

/// Lists one set of edges on the first pass and another on the second.
struct Changing {
    passes: [&'static [(u64, u64, Option<f32>)]; 2],
    next: Cell<usize>,
    both_ways: bool,
}

impl Entries for Changing {
    fn file(&self) -> &Path {
        Path::new("changing.txt")
    }

    fn both_ways(&self) -> bool {
        self.both_ways
    }

    fn pass(&self, mut each: impl FnMut(Entry, At) -> Result<(), Box<Bad>>) -> Result<At, DatasetError> {
        let mut at = At { line: 1, offset: 0 };
        for &(row, column, weight) in self.passes[self.next.replace(1)] {
            each(Entry { row, column, weight }, at).map_err(|bad| bad.place(self.file(), at))?;
            at.line += 1;
        }
        Ok(at)
    }
}

#[test]
fn a_file_that_changes_between_the_passes_is_an_error() {
    let first: &[_] = &[(0, 1, None), (1, 2, None), (2, 2, None)];
    let others: [&[(u64, u64, Option<f32>)]; 8] = [
        &[],
        &[(0, 1, None), (1, 2, None)],
        &[(0, 1, None), (1, 2, None), (2, 2, None), (2, 2, None)],
        &[(0, 1, None), (1, 2, None), (2, 3, None)],
        &[(0, 1, None), (1, 2, None), (2, u64::MAX, None)],
        &[(1, 2, None), (0, 1, None), (2, 2, None)],
        &[(2, 2, None), (2, 2, None), (2, 2, None)],
        &[(0, 1, None), (1, 2, Some(1.0)), (2, 2, None)],
    ];
    for second in others.into_iter().chain([first]) {
        for (both_ways, compact, sum) in [(true, false, false), (false, true, true), (true, true, false)] {
            let source = Changing { passes: [first, second], next: Cell::new(0), both_ways };
            let read =
                read(&source, Plan { rows: Rows::Seen, compact, sum, max_bytes: None, too_many_rows: "" });
            if second == first {
                assert_eq!(read.unwrap().indptr.len(), 4);
            } else {
                let message = read.unwrap_err().to_string();
                assert!(
                    message.starts_with("changing.txt, line ") && message.contains("changed meanwhile"),
                    "{message}"
                );
            }
        }
    }
}

#[test]
fn starts_stand_one_place_on() {
    let mut counts = vec![2, 0, 3];
    shift_sum(&mut counts);
    assert_eq!(counts, [0, 0, 2, 2]);
    let mut none = vec![];
    shift_sum(&mut none);
    assert_eq!(none, [0]);
}
