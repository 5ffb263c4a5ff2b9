//! Rules and documents that look drawn and are the same for the same seed.

use fieldgate::minimise::Limits;
use roxmltree::Document;

use crate::model::{Act, Rule, Rules, Step};

/// A generator of numbers (xorshift64*).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: &[u8]) -> Self {
        Self(
            seed.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, byte| {
                sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(*byte)
            }) | 1,
        )
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound as u64) as usize
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    /// Limits, tight ones as often as not.
    pub(crate) fn limits(&mut self) -> Limits {
        if self.chance(2) {
            return Limits::default();
        }
        Limits {
            depth: 1 + self.below(8),
            held_bytes: 1 + self.below(120),
            object_members: 1 + self.below(4),
            name_bytes: 1 + self.below(12),
            body_bytes: 1 + self.below(600) as u64,
        }
    }

    /// Rules about what `document` holds.
    pub(crate) fn rules(&mut self, document: &Document<'_>) -> Rules {
        let mut rules = Rules::default();
        let mut namespaces: Vec<&str> = document
            .descendants()
            .filter(|node| node.is_element())
            .flat_map(|node| {
                node.tag_name()
                    .namespace()
                    .into_iter()
                    .chain(node.attributes().filter_map(|a| a.namespace()))
            })
            .filter(|namespace| {
                *namespace != "http://www.w3.org/XML/1998/namespace" && !namespace.is_empty()
            })
            .collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        for (index, namespace) in namespaces.iter().enumerate() {
            let prefix = if index == 0 && self.chance(3) {
                String::new()
            } else {
                format!("n{index}")
            };
            if self.chance(2) {
                rules.namespaces.push((prefix, (*namespace).to_owned()));
            }
        }
        rules.prune = self.chance(6);
        let paths = paths(&rules, document);
        for _ in 0..=self.below(5) {
            let act = match self.below(8) {
                0..=3 => Act::Keep,
                4 => Act::KeepAll,
                5 | 6 => Act::Drop,
                _ => Act::Replace,
            };
            let mut steps: Vec<Step> = paths[self.below(paths.len())]
                .iter()
                .map(|name| Step {
                    anywhere: false,
                    name: Some(name.clone()),
                })
                .collect();
            if act == Act::KeepAll && self.chance(2) {
                let shorter = self.below(steps.len() + 1);
                steps.truncate(shorter);
            }
            if self.chance(3) && steps.len() > 1 {
                let skipped = self.below(steps.len() - 1) + 1;
                steps.drain(..skipped);
                steps[0].anywhere = true;
            }
            if self.chance(3) && !steps.is_empty() {
                let blurred = self.below(steps.len());
                steps[blurred].name = None;
            }
            rules.rules.push(Rule { act, steps });
        }
        rules
    }

    /// A document of few names, so that rules and elements meet.
    pub(crate) fn document(&mut self) -> String {
        let mut out = String::new();
        if self.chance(3) {
            out.push_str("<?xml version='1.0' encoding=\"UTF-8\"?>\n");
        }
        self.beside(&mut out);
        self.element(&mut out, 0);
        self.beside(&mut out);
        out
    }

    fn beside(&mut self, out: &mut String) {
        out.push_str(["", "\n", "<!-- a comment -->", "<?target and more?>"][self.below(4)]);
    }

    fn element(&mut self, out: &mut String, depth: usize) {
        // A prefix is declared where it is used, so that every document is sound.
        let name = ["a", "b", "c", "d", "p:a", "p:b"][self.below(6)];
        out.push('<');
        out.push_str(name);
        if name.starts_with('p') {
            out.push_str([" xmlns:p='urn:one'", " xmlns:p=\"urn:two\""][self.below(2)]);
        }
        out.push_str(
            [
                "",
                "",
                "",
                " xmlns='urn:one'",
                " xmlns=''",
                "\n  xmlns:q = 'urn:two'",
            ][self.below(6)],
        );
        for attribute in ["i", "j", "xml:lang"] {
            if self.chance(4) {
                let value = ["='1'", " = \"a&lt;b\"", "=''", "='x\ty'"][self.below(4)];
                out.push_str([" ", "\n "][self.below(2)]);
                out.push_str(attribute);
                out.push_str(value);
            }
        }
        if self.chance(6) {
            out.push_str(["/>", " />"][self.below(2)]);
            return;
        }
        out.push_str([">", " >"][self.below(2)]);
        for _ in 0..self.below(5) {
            match self.below(9) {
                0 | 1 if depth < 6 => self.element(out, depth + 1),
                0..=2 => out.push_str(["text", "é 名", "x ]] y", "&amp;&#x41;"][self.below(4)]),
                3 => out.push_str(["\n  ", " ", "\t", "&#32;", "<![CDATA[ ]]>"][self.below(5)]),
                4 => out.push_str(["<![CDATA[<&]]]]>", "<![CDATA[x]]>"][self.below(2)]),
                5 => self.beside(out),
                _ if depth < 6 => self.element(out, depth + 1),
                _ => {}
            }
        }
        out.push_str("</");
        out.push_str(name);
        out.push_str([">", "\n>"][self.below(2)]);
    }
}

/// The paths of what `document` holds, each once.
fn paths(rules: &Rules, document: &Document<'_>) -> Vec<Vec<String>> {
    let mut found = std::collections::BTreeSet::new();
    for node in document.descendants().filter(|node| node.is_element()) {
        let above = node.ancestors().filter(|node| node.is_element());
        let mut path: Vec<String> = above.map(|node| rules.element_name(node)).collect();
        path.reverse();
        for name in node
            .attributes()
            .map(|attribute| rules.attribute_name(&attribute))
            .chain(["#text".to_owned()])
        {
            path.push(name);
            found.insert(path.clone());
            path.pop();
        }
        found.insert(path);
        if found.len() > 500 {
            break;
        }
    }
    found.into_iter().collect()
}
