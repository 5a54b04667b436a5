//! YAML text → tree. Takes yaml-rust2's events one by one, because they carry lines and raw text, and because the crate's own
//! loader recurses without a bound, keeps the last of two equal keys and turns `007` into 7.

use std::collections::BTreeMap;
use std::sync::Arc;

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;
use yaml_rust2::scanner::TScalarStyle;

use super::problem::Problem;
use super::tree::{MAX_DEPTH, Node, Origin, Path, Value};

/// Reads a document that is a map, or empty.
pub(super) fn parse(text: &str, file: &Arc<str>) -> Result<Node, Problem> {
    // At the end of the text the parser counts one line more than there is.
    let last_line = text.lines().count().max(1);
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::new(file);
    loop {
        let (event, mark) = parser.next_token().map_err(|error| Problem {
            origin: Origin::Line(Arc::clone(file), error.marker().line().min(last_line)),
            path: Path::default(),
            message: format!("not valid YAML: {}", error.info()),
        })?;
        let origin = Origin::Line(Arc::clone(file), mark.line());
        if event == Event::StreamEnd {
            return builder.finish();
        }
        builder
            .take(event, origin.clone())
            .map_err(|message| Problem {
                origin,
                path: builder.path(),
                message,
            })?;
    }
}

struct Builder {
    file: Arc<str>,
    /// The maps and lists that are still open, the innermost last.
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

enum Open {
    List(Origin, Vec<Node>),
    /// With the key whose value comes next, and where it stands.
    Map(Origin, BTreeMap<String, Node>, Option<(String, Origin)>),
}

impl Builder {
    fn new(file: &Arc<str>) -> Self {
        Self {
            file: Arc::clone(file),
            open: Vec::new(),
            root: None,
            documents: 0,
        }
    }

    fn take(&mut self, event: Event, origin: Origin) -> Result<(), String> {
        match event {
            Event::DocumentStart => self.begin_document(),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                Err("YAML tags (`!…`) are not supported".to_owned())
            }
            Event::Alias(_) => {
                Err("YAML aliases (`*…`) are not supported: write the value out".to_owned())
            }
            Event::Scalar(text, style, ..) if self.awaits_key() => {
                self.take_key(text, style, origin)
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if self.awaits_key() => {
                Err("a key must be text".to_owned())
            }
            Event::Scalar(text, style, ..) => {
                self.take_value(Node::new(origin, scalar(text, style)))
            }
            Event::SequenceStart(..) => self.enter(Open::List(origin, Vec::new())),
            Event::MappingStart(..) => self.enter(Open::Map(origin, BTreeMap::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin_document(&mut self) -> Result<(), String> {
        self.documents += 1;
        if self.documents > 1 {
            return Err("a second YAML document begins here: write one".to_owned());
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map(_, _, None)))
    }

    fn take_key(
        &mut self,
        text: String,
        style: TScalarStyle,
        origin: Origin,
    ) -> Result<(), String> {
        let Some(Open::Map(_, map, key)) = self.open.last_mut() else {
            unreachable!("asked for by awaits_key")
        };
        if scalar(text.clone(), style) == Value::Nothing {
            return Err("a key must not be empty".to_owned());
        }
        let first = map.get(&text).map(|node| node.origin.clone());
        *key = Some((text, origin));
        match first {
            Some(first) => Err(format!("this key is there twice, first at {first}")),
            None => Ok(()),
        }
    }

    fn take_value(&mut self, node: Node) -> Result<(), String> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, map, key)) => {
                let (key, origin) = key.take().expect("a value follows its key");
                map.insert(key, Node::new(origin, node.value));
            }
        }
        Ok(())
    }

    fn enter(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(open);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), String> {
        let node = match self.open.pop().expect("an end follows its beginning") {
            Open::List(origin, list) => Node::new(origin, Value::List(list)),
            Open::Map(origin, map, _) => Node::new(origin, Value::Map(map)),
        };
        self.take_value(node)
    }

    /// Where in the tree the next value belongs.
    fn path(&self) -> Path {
        self.open
            .iter()
            .fold(Path::default(), |path, open| match open {
                Open::List(_, list) => path.index(list.len()),
                Open::Map(_, _, Some((key, _))) => path.key(key),
                Open::Map(_, _, None) => path,
            })
    }

    fn finish(self) -> Result<Node, Problem> {
        let whole = Origin::WholeFile(Arc::clone(&self.file));
        match self.root {
            Some(Node {
                value: Value::Map(map),
                ..
            }) => Ok(Node::new(whole, Value::Map(map))),
            None
            | Some(Node {
                value: Value::Nothing,
                ..
            }) => Ok(Node::empty_map(whole)),
            Some(other) => Err(Problem {
                origin: other.origin,
                path: Path::default(),
                message: format!("expected a map of settings, got {}", other.value),
            }),
        }
    }
}

/// Quoted text is text whatever it says.
fn scalar(text: String, style: TScalarStyle) -> Value {
    let nothing = style == TScalarStyle::Plain
        && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if nothing {
        Value::Nothing
    } else {
        Value::Text(text)
    }
}
