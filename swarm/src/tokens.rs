//! The nodes' tokens, as `headroom token create NAME --count N --json` prints them.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;

/// What lets one node in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) token: String,
}

/// Reads `path`, or standard input if that is `-`: tokens for `nodes`. The error is a sentence.
pub(crate) fn read(path: &Path, nodes: usize) -> Result<Vec<Token>, String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    let path = path.display();
    let text = text.map_err(|error| format!("{path}: {error}"))?;
    parse(&text, nodes).map_err(|why| {
        format!("{path}: {why}; `headroom token create swarm --count {nodes} --json` makes them")
    })
}

fn parse(text: &str, nodes: usize) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> =
        serde_json::from_str(text).map_err(|error| format!("these are no tokens: {error}"))?;
    if tokens.len() < nodes {
        return Err(format!("only {} tokens for {nodes} nodes", tokens.len()));
    }
    tokens.truncate(nodes);
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn as_many_tokens_as_nodes() {
        let text = r#"[{"name":"s-1","token":"hrt_a","line":"x"},{"name":"s-2","token":"hrt_b"}]"#;
        assert_eq!(parse(text, 1).unwrap()[0].name, "s-1");
        assert_eq!(parse(text, 2).unwrap()[1].token, "hrt_b");
        assert_eq!(parse(text, 3).unwrap_err(), "only 2 tokens for 3 nodes");
        assert!(parse("{}", 1).unwrap_err().starts_with("these are no tokens: "));
    }
}
