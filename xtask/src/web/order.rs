//! Puts functions in an order in which they compress well: those beside each other that look alike. The
//! generator orders them by size, which is of use to no browser.

use crate::error::{Error, Result};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ElementSection, ExportSection, FunctionSection, Module, RawSection, StartSection,
};
use wasmparser::{FunctionBody, Parser, Payload, TypeRef};

/// Something leads to a function that is not there.
#[derive(Debug, thiserror::Error)]
#[error("it calls a function that it does not have")]
struct NoSuch;

/// New numbers of functions by their old ones.
struct Numbers(Vec<u32>);

impl Reencode for Numbers {
    type Error = NoSuch;

    fn function_index(
        &mut self,
        old: u32,
    ) -> std::result::Result<u32, reencode::Error<Self::Error>> {
        self.0.get(old as usize).copied().ok_or(reencode::Error::UserError(NoSuch))
    }
}

/// The same program with its functions in another order.
pub(super) fn alike(wasm: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::say(format!("the page's functions cannot be put in order: {error}"))
    };
    let read = |error: wasmparser::BinaryReaderError| failed(&error);
    let (mut imports, mut types, mut bodies) = (0, Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(read)? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports += u32::from(matches!(import.map_err(read)?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(section) => {
                for kind in section {
                    types.push(kind.map_err(read)?);
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let mut functions: Vec<(u32, FunctionBody<'_>, usize)> =
        types.into_iter().zip(bodies).enumerate().map(|(at, (of, body))| (of, body, at)).collect();
    functions.sort_by(|a, b| (a.0, a.1.as_bytes()).cmp(&(b.0, b.1.as_bytes())));
    let mut numbers: Vec<u32> = (0..imports + functions.len() as u32).collect();
    for ((_, _, old), new) in functions.iter().zip(imports..) {
        numbers[imports as usize + old] = new;
    }
    let mut numbers = Numbers(numbers);

    let encoded = |error: reencode::Error<NoSuch>| failed(&error);
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(read)? {
            Payload::FunctionSection(_) => {
                let mut section = FunctionSection::new();
                for (kind, ..) in &functions {
                    section.function(*kind);
                }
                module.section(&section);
            }
            Payload::CodeSectionStart { .. } => {
                let mut section = CodeSection::new();
                for (_, body, _) in &functions {
                    numbers.parse_function_body(&mut section, body.clone()).map_err(encoded)?;
                }
                module.section(&section);
            }
            Payload::ExportSection(old) => {
                let mut section = ExportSection::new();
                numbers.parse_export_section(&mut section, old).map_err(encoded)?;
                module.section(&section);
            }
            Payload::ElementSection(old) => {
                let mut section = ElementSection::new();
                numbers.parse_element_section(&mut section, old).map_err(encoded)?;
                module.section(&section);
            }
            Payload::StartSection { func, .. } => {
                let function_index = numbers.function_index(func).map_err(encoded)?;
                module.section(&StartSection { function_index });
            }
            other => {
                let section = other.as_section();
                if let Some((id, data)) = section.and_then(|(id, at)| Some((id, wasm.get(at)?))) {
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::alike;
    use wasmparser::{Parser, Payload};

    /// `(module (func (result i32) i32.const 7) (func (result i32) call 0)
    /// (func (result i32) i32.const 3) (export "a" (func 1)))`
    const MODULE: &[u8] = &[
        0, b'a', b's', b'm', 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 4, 3, 0, 0, 0, 7, 5, 1, 1,
        b'a', 0, 1, 10, 16, 3, 4, 0, 0x41, 7, 0x0b, 4, 0, 0x10, 0, 0x0b, 4, 0, 0x41, 3, 0x0b,
    ];

    #[test]
    fn functions_are_moved_with_all_that_leads_to_them() {
        let ordered = alike(MODULE).unwrap();
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(&ordered) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes().to_vec()),
                Payload::ExportSection(section) => {
                    let export = section.into_iter().next().unwrap().unwrap();
                    assert_eq!(export.index, 0);
                }
                _ => {}
            }
        }
        // What called the first function calls the same one where it is now.
        let expected: [&[u8]; 3] = [&[0, 0x10, 2, 0x0b], &[0, 0x41, 3, 0x0b], &[0, 0x41, 7, 0x0b]];
        assert_eq!(bodies, expected);
        assert_eq!(alike(&ordered).unwrap().len(), ordered.len());
        alike(&MODULE[..20]).unwrap_err();
    }
}
