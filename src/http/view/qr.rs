//! QR codes as drawings inside a page.

use std::fmt;

use askama::filters::HtmlSafe;
use qrcode::{Color, QrCode};

/// Empty modules around the code, which readers need.
const MARGIN: usize = 4;

/// A QR code.
#[derive(Debug, Clone)]
pub struct QrImage {
    width: usize,
    dark: Vec<bool>,
}

impl QrImage {
    /// Of a text, unless it is too long for one.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::new(text.as_bytes()).ok()?;
        let width = code.width();
        let dark = code.into_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { width, dark })
    }
}

impl fmt::Display for QrImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.width + 2 * MARGIN;
        write!(f, r#"<svg class="qr" viewBox="0 0 {side} {side}" role="img" "#)?;
        f.write_str(
            r#"aria-label="QR code of the key below" shape-rendering="crispEdges"><path d=""#,
        )?;
        for (at, _) in self.dark.iter().enumerate().filter(|(_, dark)| **dark) {
            write!(f, "M{} {}h1v1h-1z", at % self.width + MARGIN, at / self.width + MARGIN)?;
        }
        f.write_str(r#""/></svg>"#)
    }
}

// It is made of numbers only.
impl HtmlSafe for QrImage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_its_three_corners() {
        let image = QrImage::of("otpauth://totp/Espalier:anna?secret=GEZDGNBV").unwrap();
        let text = image.to_string();
        assert!(text.starts_with("<svg class=\"qr\" viewBox=\"0 0 ") && text.ends_with("</svg>"));
        let last = image.width - 1 + MARGIN;
        for corner in ["M4 4h1".to_owned(), format!("M{last} 4h1"), format!("M4 {last}h1")] {
            assert!(text.contains(&corner), "{corner}");
        }
        assert!(QrImage::of(&"x".repeat(8000)).is_none());
    }
}
