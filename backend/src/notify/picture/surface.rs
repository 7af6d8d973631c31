//! A surface of pixels.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use shared::chart::timeline::{Align, Place, Surface};
use tiny_skia::{
    Color, FillRule, LineJoin, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Stroke, Transform,
};

/// The letters are of this height; those of 12 pixels of the page, at a density of 2.
const LETTERS: RasterHeight = RasterHeight::Size32;

/// A picture that is being drawn.
pub(super) struct Pixels(Pixmap);

impl Pixels {
    /// An empty picture of this size.
    pub(super) fn new(width: f64, height: f64) -> Option<Self> {
        Pixmap::new(width as u32, height as u32).map(Self)
    }

    /// The picture as a PNG.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.0.encode_png().ok()
    }
}

/// `#rrggbb` or `#rrggbbaa`.
fn color(text: &str) -> Color {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let [red, green, blue] = [1, 3, 5].map(|at| byte(at).unwrap_or(0));
    Color::from_rgba8(red, green, blue, byte(7).unwrap_or(255))
}

fn paint(text: &str) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(color(text));
    paint.anti_alias = true;
    paint
}

fn path(places: &[Place]) -> Option<PathBuilder> {
    let (first, others) = places.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(first.0 as f32, first.1 as f32);
    for (x, y) in others {
        path.line_to(*x as f32, *y as f32);
    }
    Some(path)
}

impl Surface for Pixels {
    fn fill(&mut self, outline: &[Place], color: &str) {
        let path = path(outline).and_then(|mut path| {
            path.close();
            path.finish()
        });
        if let Some(path) = path {
            let paint = paint(color);
            self.0.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
        }
    }

    fn line(&mut self, points: &[Place], color: &str, width: f64) {
        let stroke =
            Stroke { width: width as f32, line_join: LineJoin::Round, ..Stroke::default() };
        if let Some(path) = path(points).and_then(PathBuilder::finish) {
            let paint = paint(color);
            self.0.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }

    /// Of letters there is one size, and those of ASCII.
    fn text(&mut self, text: &str, (x, y): Place, align: Align, color: &str, _size: f64) {
        let advance = get_raster_width(FontWeight::Regular, LETTERS);
        let width = text.chars().count() * advance;
        let left = match align {
            Align::Start => x,
            Align::Middle => x - width as f64 / 2.0,
            Align::End => x - width as f64,
        };
        let top = (y - LETTERS.val() as f64 / 2.0).round() as i64;
        let ink = self::color(color);
        let mut left = left.round() as i64;
        for c in text.chars() {
            let c = match c {
                '\u{a0}' | '\u{202f}' => ' ',
                // A minus, and dashes.
                '\u{2212}' | '\u{2010}'..='\u{2015}' => '-',
                other => other,
            };
            let letter = get_raster(c, FontWeight::Regular, LETTERS)
                .or_else(|| get_raster('?', FontWeight::Regular, LETTERS));
            for (down, row) in letter.iter().flat_map(|letter| letter.rows().enumerate()) {
                for (right, coverage) in row.iter().enumerate() {
                    self.blend((left + right as i64, top + down as i64), ink, *coverage);
                }
            }
            left += advance as i64;
        }
    }
}

impl Pixels {
    /// Lays `ink` over a pixel, which is opaque, as far as it is covered.
    fn blend(&mut self, (x, y): (i64, i64), ink: Color, coverage: u8) {
        let (width, height) = (i64::from(self.0.width()), i64::from(self.0.height()));
        if coverage == 0 || !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let pixel = &mut self.0.pixels_mut()[(y * width + x) as usize];
        let share = f32::from(coverage) / 255.0;
        let mix = |under: u8, over: f32| {
            (f32::from(under) * (1.0 - share) + over * 255.0 * share).round() as u8
        };
        let mixed = PremultipliedColorU8::from_rgba(
            mix(pixel.red(), ink.red()),
            mix(pixel.green(), ink.green()),
            mix(pixel.blue(), ink.blue()),
            255,
        );
        *pixel = mixed.unwrap_or(*pixel);
    }
}
