//! Which of the forms a scraper would rather have.

use super::Form;

/// The form that `Accept` asks for: the items of all its headers. `OpenMetrics` is for those who name
/// it, and want nothing else more.
pub fn accepted<'a>(headers: impl IntoIterator<Item = &'a str>) -> Form {
    let (mut open, mut text) = (0, 0);
    for item in headers.into_iter().flat_map(|header| header.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1000, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => weight = thousandths(value.trim()),
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        match (name.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => {
                open = weight.max(open);
            }
            ("text/plain", None | Some("0.0.4")) => text = weight.max(text),
            _ => {}
        }
    }
    if open > 0 && open >= text { Form::OpenMetrics } else { Form::Text }
}

/// A weight from 0 to 1, in thousandths; what is none weighs nothing.
fn thousandths(text: &str) -> u32 {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0) as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_wanted_more_is_given() {
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, form) in [
            ("", Form::Text),
            ("*/*", Form::Text),
            ("text/html", Form::Text),
            ("application/openmetrics-text", Form::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Form::OpenMetrics),
            ("application/openmetrics-text;version=2.0.0", Form::Text),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.4", Form::Text),
            (
                "text/plain;version=0.0.4;q=0.4,application/openmetrics-text;q=0.5",
                Form::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Form::Text),
            ("application/openmetrics-text;q=nonsense", Form::Text),
            (prometheus_3, Form::OpenMetrics),
        ] {
            assert_eq!(accepted([accept]), form, "{accept}");
        }
        assert_eq!(
            accepted(["text/plain;q=0.1", "application/openmetrics-text"]),
            Form::OpenMetrics
        );
    }
}
