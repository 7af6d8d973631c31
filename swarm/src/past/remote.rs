//! Over Prometheus' remote write (version 0.1.0 of its protocol): protobuf, compressed with snappy.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use super::days::Past;
use super::{Days, Outcome};

/// Seconds of each series that go together.
const SECONDS: usize = 60;

/// Writes `days` to what listens on `port` of this machine.
pub(super) fn write(days: &Days, port: u16) -> Outcome {
    let begun = Instant::now();
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port))?);
    let mut past = Past::of(days);
    let fields = days.fields.all();
    let labels = |id: &str, field: &str| {
        let mut labels = Vec::new();
        // In the order of their names, as the protocol wants it.
        for (name, value) in [("__name__", field), ("node", id)] {
            let mut label = Vec::new();
            bytes(1, name.as_bytes(), &mut label);
            bytes(2, value.as_bytes(), &mut label);
            bytes(1, &label, &mut labels);
        }
        labels
    };
    // For each series its labels, and the samples that wait.
    let mut series: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for node in past.nodes() {
        let names = fields.iter().map(|field| ["headroom_", field.def().id].concat());
        series.extend(names.map(|name| (labels(node.id.as_str(), &name), Vec::new())));
    }
    let (mut values, mut seconds) = (0_u64, 0);
    loop {
        let second = past.second(|number, reading| {
            for (place, &field) in fields.iter().enumerate() {
                let Some(value) = reading.sample.get(field) else { continue };
                values += 1;
                let mut sample = vec![1 << 3 | 1];
                sample.extend((value as f64).to_le_bytes());
                sample.push(2 << 3);
                varint(reading.at_ms, &mut sample);
                bytes(2, &sample, &mut series[number * fields.len() + place].1);
            }
        });
        seconds += 1;
        if seconds % SECONDS == 0 || second.is_none() {
            let mut request = Vec::new();
            for (labels, samples) in series.iter_mut().filter(|(_, samples)| !samples.is_empty()) {
                let one = [&labels[..], &std::mem::take(samples)].concat();
                bytes(1, &one, &mut request);
            }
            if !request.is_empty() {
                post(&mut stream, port, &snap::raw::Encoder::new().compress_vec(&request)?)?;
            }
        }
        if second.is_none() {
            break;
        }
    }
    Ok(json!({ "values": values, "s": begun.elapsed().as_secs_f64() }))
}

fn post(
    stream: &mut BufReader<TcpStream>,
    port: u16,
    body: &[u8],
) -> Result<(), Box<dyn std::error::Error>> {
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Encoding: snappy\r\n\
         Content-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
    let mut status = String::new();
    stream.read_line(&mut status)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    if status.split(' ').nth(1).is_some_and(|code| code.starts_with('2')) {
        return Ok(());
    }
    Err(format!("{}: {}", status.trim(), String::from_utf8_lossy(&answer)).into())
}

/// Field `number` of a message, with its length.
fn bytes(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::{bytes, varint};

    #[test]
    fn numbers_and_texts_are_those_of_protobuf() {
        let mut out = Vec::new();
        varint(300, &mut out);
        bytes(2, b"hi", &mut out);
        assert_eq!(out, [0xac, 0x02, 0x12, 2, b'h', b'i']);
    }
}
