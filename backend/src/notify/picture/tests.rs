//! What is drawn, and in which colours.

use tiny_skia::Pixmap;

use super::*;
use crate::notify::made;

#[test]
fn colours_are_those_of_the_page_by_day() {
    let theme = include_str!("../../../../static/theme.css");
    let day = theme.split("@media").next().unwrap();
    for (token, color) in COLORS {
        assert!(day.contains(&format!("{token}: {color};")), "{token} is not {color}");
    }
}

#[test]
fn a_picture_shows_what_was_reported() {
    let readings = made::readings(1_795_683_200_000);
    let png = png("pi-07", &NodeFacts::default(), &readings).unwrap();
    assert!(png.len() < 100_000, "{} bytes", png.len());
    // For whoever wants to look at it.
    if let Some(path) = std::env::var_os("HEADROOM_TEST_PICTURE") {
        std::fs::write(path, &png).unwrap();
    }
    let picture = Pixmap::decode_png(&png).unwrap();
    let size = (picture.width(), picture.height());
    assert_eq!(size, ((WIDTH * DENSITY) as u32, (HEIGHT * DENSITY) as u32));
    let count = |color: &str| {
        let [red, green, blue] =
            [1, 3, 5].map(|at| u8::from_str_radix(&color[at..at + 2], 16).unwrap());
        let is_it = |pixel: &&tiny_skia::PremultipliedColorU8| {
            (pixel.red(), pixel.green(), pixel.blue()) == (red, green, blue)
        };
        picture.pixels().iter().filter(is_it).count() as f64 / f64::from(size.0 * size.1)
    };
    // In use grows from 1 to 3 GiB of 4: about half of the plot, which is two thirds of the picture.
    let used = count("#173f7d");
    assert!((0.2..0.5).contains(&used), "{used}");
    assert!(count("#5a93d8") > 0.02, "cache");
    assert!(count("#16793a") > 0.002, "the line");
    assert!(count("#ffffff") > 0.2, "free");
    assert!(count("#16202b") > 0.0005, "words");
}

#[test]
fn the_same_as_text() {
    let readings = made::readings(1_795_683_200_000);
    let svg = svg("<pi>", &NodeFacts::default(), &readings).unwrap();
    assert!(svg.contains("&lt;pi>") && svg.contains("of 4.00 GiB available"), "{svg}");
    assert!(svg.contains("08:53:20 UTC") && svg.contains("#173f7d"), "{svg}");
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let facts = NodeFacts::default();
    assert_eq!(png("pi", &facts, &[]), None);
    let mut readings = made::readings(1_795_683_200_000);
    for reading in &mut readings {
        reading.sample = shared::Sample::EMPTY;
    }
    assert_eq!(png("pi", &facts, &readings), None);
}
