//! Markdown as roff: the body of a man page, without its title.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

type Mark = fn(String) -> Inline;

/// What is being written.
#[derive(Default)]
struct Writer {
    roff: Roff,
    line: Vec<Inline>,
    /// In a heading.
    heading: Option<(HeadingLevel, String)>,
    /// How words are marked at present, the innermost last.
    marks: Vec<Mark>,
    /// In a block of code.
    is_code: bool,
    /// The next paragraph is the first of its section, or of an item of a list.
    is_first: bool,
}

/// The body of the page. The heading of the document itself, and where links lead, are left out.
pub(crate) fn roff(markdown: &str) -> String {
    let mut writer = Writer::default();
    for event in Parser::new(markdown) {
        writer.take(event);
    }
    writer.roff.to_roff()
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.heading = Some((level, String::new())),
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Paragraph) => self.begin_paragraph(),
            Event::Start(Tag::Item) => {
                self.end_line();
                self.control("IP", ["\\(bu", "2"]);
                self.is_first = true;
            }
            Event::Start(Tag::CodeBlock(_)) => {
                self.end_line();
                self.begin_paragraph();
                self.control("RS", ["4"]);
                self.control("nf", []);
                self.is_code = true;
            }
            Event::End(TagEnd::CodeBlock) => {
                self.control("fi", []);
                self.control("RE", []);
                self.is_code = false;
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item) => {
                self.end_line();
                self.is_first = false;
            }
            Event::Start(Tag::Strong) => self.marks.push(bold),
            Event::Start(Tag::Emphasis) => self.marks.push(italic),
            Event::End(TagEnd::Strong | TagEnd::Emphasis) => drop(self.marks.pop()),
            Event::Code(code) => self.text(&code, bold),
            Event::Text(text) if self.is_code => self.code(&text),
            Event::Text(text) => self.text(&text, self.marks.last().copied().unwrap_or(roman)),
            Event::SoftBreak | Event::HardBreak => self.text(" ", roman),
            _ => {}
        }
    }

    fn control<const N: usize>(&mut self, name: &str, args: [&str; N]) {
        self.roff.control(name, args);
    }

    fn begin_paragraph(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.control("PP", []);
        }
    }

    fn text(&mut self, text: &str, mark: Mark) {
        match &mut self.heading {
            Some((_, heading)) => heading.push_str(text),
            None => self.line.push(mark(text.into())),
        }
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            self.roff.text(std::mem::take(&mut self.line));
        }
    }

    fn code(&mut self, text: &str) {
        for line in text.lines() {
            if line.is_empty() {
                self.control("sp", []);
            } else {
                self.roff.text([bold(line)]);
            }
        }
    }

    fn end_heading(&mut self) {
        self.is_first = true;
        match self.heading.take() {
            Some((HeadingLevel::H2, text)) => self.control("SH", [&text]),
            Some((HeadingLevel::H3, text)) => self.control("SS", [&text]),
            _ => {}
        }
    }
}
