//! A text as a QR code in the terminal, for the camera of a phone.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of nothing on each side, which readers need to find it (ISO/IEC 18004).
const QUIET: usize = 4;
/// Black on white, whatever the theme of the terminal makes of its colours: fixed ones of the 256.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const PLAIN: &str = "\x1b[0m";

/// `text` as a code, two rows of modules in each line; `None` if it is too long for one. With `colours` it is
/// black on white. Without, what is light is drawn, as on a dark terminal; most readers take it also the
/// other way round.
pub(super) fn code(text: &str, colours: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, modules) = (code.width(), code.to_colors());
    let is_dark = |x: usize, y: usize| {
        let inside = (QUIET..QUIET + width).contains(&x) && (QUIET..QUIET + width).contains(&y);
        inside && modules[(y - QUIET) * width + x - QUIET] == Color::Dark
    };
    let side = width + 2 * QUIET;
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        if colours {
            drawn.push_str(BLACK_ON_WHITE);
        }
        for x in 0..side {
            // Below the last row, if their number is odd, there is nothing.
            let (upper, lower) = (is_dark(x, y), y + 1 < side && is_dark(x, y + 1));
            let inked = |dark: bool| dark == colours;
            drawn.push(match (inked(upper), inked(lower)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        // Writing to a String cannot fail.
        writeln!(drawn, "{}", if colours { PLAIN } else { "" }).ok();
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_small_code() {
        let drawn = code("https://192.168.1.10:8080", false).unwrap();
        let lines: Vec<_> = drawn.lines().collect();
        let width = lines[0].chars().count();
        assert!(width <= 40 && lines.len() == width.div_ceil(2), "{drawn}");
        assert!(lines[..2].iter().all(|line| line.chars().all(|c| c == '█')), "{drawn}");
        assert!(code(&"x".repeat(3000), true).is_none());
        let coloured = code("x", true).unwrap();
        assert!(coloured.lines().all(|line| line.starts_with('\x1b') && line.ends_with(PLAIN)));
    }
}
