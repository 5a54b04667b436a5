//! Names as numbers: a recording says each of them a million times.

use std::collections::HashMap;
use std::sync::Arc;

/// The names seen so far.
#[derive(Debug, Default)]
pub(super) struct Interned {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Interned {
    /// The number of a name; a new one gets the next. `last` is a guess: neighbouring rows nearly always agree.
    pub(super) fn number(&mut self, name: &str, last: u32) -> u32 {
        if self
            .names
            .get(last as usize)
            .is_some_and(|known| **known == *name)
        {
            return last;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    pub(super) fn name(&self, number: u32) -> &Arc<str> {
        &self.names[number as usize]
    }
}
