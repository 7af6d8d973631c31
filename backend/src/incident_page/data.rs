//! The data in the document, for scripts.

use serde_json::{Value, json};

use super::Known;

/// `{"incident": …, "boxes": […], "facts": {…}}`, in which nothing ends the element that it is in. Of
/// readings, what is not known is left out.
pub(super) fn json(known: &Known<'_>, most_boxes: usize) -> String {
    let boxes = &known.boxes[..known.boxes.len().min(most_boxes)];
    let mut boxes = json!(boxes);
    for reading in boxes.as_array_mut().into_iter().flatten().filter_map(readings).flatten() {
        if let Some(sample) = reading.get_mut("sample").and_then(Value::as_object_mut) {
            sample.retain(|_, value| !value.is_null());
        }
    }
    let data = json!({ "incident": known.incident, "boxes": boxes, "facts": known.facts });
    // Outside of texts JSON has no such character, and within them it means the same.
    data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn readings(of: &mut Value) -> Option<&mut Vec<Value>> {
    of.get_mut("readings")?.as_array_mut()
}
