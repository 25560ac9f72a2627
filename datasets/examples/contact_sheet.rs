//! Draws 8 x 8 images of a set as one picture, to look at: `contact_sheet scenes|transfer SEED FILE.ppm`.
//!
//! What the images show goes to stderr, row by row.

#![allow(clippy::print_stderr)]

use datasets::synthetic::{scenes, SceneConfig};

const IMAGES: usize = 8;
const SIDE: usize = 32;
/// Pixels of the picture for one of an image, and between images.
const ZOOM: usize = 4;
const GAP: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, seed, file] = &arguments[..] else {
        return Err("usage: contact_sheet scenes|transfer SEED FILE.ppm".into());
    };
    let scenes =
        scenes(&SceneConfig { outlines: 16, textures: 8, palettes: 8, ..Default::default() }, seed.parse()?)?;
    let transfer = scenes.transfer();
    let side = IMAGES * (ZOOM * SIDE + GAP);
    let mut picture = vec![255; 3 * side * side];
    for index in 0..IMAGES * IMAGES {
        let (pixels, shown) = match kind.as_str() {
            "scenes" => {
                let (pixels, labels) = scenes.image(index as u64);
                (pixels, labels.iter().filter_map(|&leaf| scenes.name(leaf)).collect::<Vec<_>>().join(", "))
            }
            "transfer" => {
                let (pixels, class) = transfer.image(index as u64);
                (pixels, transfer.name(class).unwrap_or_default())
            }
            other => return Err(format!("no set named {other}: scenes or transfer").into()),
        };
        eprintln!("row {}, column {}: {shown}", index / IMAGES, index % IMAGES);
        let first = [index / IMAGES, index % IMAGES].map(|place| place * (ZOOM * SIDE + GAP));
        for at in 0..(ZOOM * SIDE) * (ZOOM * SIDE) {
            let (row, column) = (at / (ZOOM * SIDE), at % (ZOOM * SIDE));
            let place = 3 * ((first[0] + row) * side + first[1] + column);
            for channel in 0..3 {
                picture[place + channel] = pixels[(channel * SIDE + row / ZOOM) * SIDE + column / ZOOM];
            }
        }
    }
    let header = format!("P6 {side} {side} 255\n");
    std::fs::write(file, [header.as_bytes(), &picture].concat())?;
    Ok(())
}
