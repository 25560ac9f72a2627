//! Sheets of images, from a claim to the page and the files beside it.

use std::fs;
use std::path::Path;

use super::drive::fake;

const FILE: &str = "accuracy-two-digits-taken-apart.png";

fn page(dir: &Path) -> String {
    fs::read_to_string(dir.join("report.html")).unwrap()
}

/// What follows the first `start` up to `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.split_once(start).unwrap().1;
    from.split_once(end).unwrap().0
}

#[test]
fn the_page_shows_them_with_words_and_escaped_labels() {
    let dir = tempfile::tempdir().unwrap();
    fake(dir.path(), &["reproduce", "accuracy"]);
    let page = page(dir.path());
    assert!(page.contains("content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\""));
    let given =
        "alt=\"The ring grows from left to right in every row &amp; &quot;moves&quot; down the rows.\"";
    let made = "alt=\"Two digits taken apart: 2 rows (labels (7, 10), found &lt;10, 7&gt;, labels";
    for part in [given, made, ">digit &lt;1&gt;</span>", ">+0.25</span>", ">dimension 16</span>"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<img ").count(), 2);
}

#[test]
fn the_page_s_picture_holds_the_pixels_of_the_file() {
    use base64::{engine::general_purpose::STANDARD, Engine};
    let dir = tempfile::tempdir().unwrap();
    fake(dir.path(), &["reproduce", "accuracy"]);
    let page = page(dir.path());
    let sheet = page.split_once("Two digits taken apart</figcaption>").unwrap().1;
    let embedded = STANDARD.decode(between(sheet, "data:image/png;base64,", "\"")).unwrap();
    let decode = |bytes: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.height as usize, info.width as usize, pixels)
    };
    let (height, width, small) = decode(&embedded);
    assert_eq!((height, width), (2 * 37 - 1, 5 * 37 - 1));
    let (tall, wide, large) = decode(&fs::read(dir.path().join(FILE)).unwrap());
    assert_eq!((tall, wide), (3 * height, 3 * width));
    for (at, &value) in large.iter().enumerate() {
        let (y, x, channel) = (at / 3 / wide / 3, at / 3 % wide / 3, at % 3);
        assert_eq!(value, small[(y * width + x) * 3 + channel]);
    }
}

#[test]
fn results_hold_no_pixels() {
    let dir = tempfile::tempdir().unwrap();
    fake(dir.path(), &["reproduce", "accuracy"]);
    let pixels = (28 * 28 * 16 * 11) as u64;
    for file in ["accuracy.json", "report.json"] {
        let path = dir.path().join(file);
        assert!(fs::metadata(&path).unwrap().len() < pixels, "{file}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("Two digits taken apart") && !text.contains("pixels\""), "{file}");
    }
}

#[test]
fn a_resumed_run_shows_the_pictures_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let resume = ["reproduce", "accuracy", "--resume"];
    fake(dir.path(), &["reproduce", "accuracy"]);
    let (first, file) = (page(dir.path()), fs::read(dir.path().join(FILE)).unwrap());
    let picture = |page: &str| between(page, "Two digits taken apart</figcaption>", "</figure>").to_owned();
    fake(dir.path(), &resume);
    assert_eq!(picture(&page(dir.path())), picture(&first));
    assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), file);

    fs::remove_file(dir.path().join(FILE)).unwrap();
    let run = fake(dir.path(), &resume);
    assert_eq!(run.code, 0, "{}", run.err);
    let without = page(dir.path());
    assert!(picture(&without).contains("The picture is not beside this report"), "{}", picture(&without));
    assert_eq!(without.matches("<img ").count(), 1);
    assert!(!dir.path().join(FILE).exists());
}
