//! The walk over what is as expected: nearly all of a body.
//!
//! Where an object's names come in the order of the object before it at the same place (its shape), a member
//! is one comparison of its name and one step over its value; what becomes of a container is known from the one
//! before it. Whatever differs is left to the plain walk, one step at a time: so a stride changes no byte, only how
//! fast it is found (P8).

use super::super::grammar::OPEN;
use super::super::shapes::{Opening, ShapeId};
use super::super::tokens::Tokens;
use super::leave::Io;
use super::names::NameSpan;
use super::single::Single;
use super::{Expect, Outcome, Walk};

/// Tokens of a member that is a string, and the one after it: the name's quotes, colon, the value's quotes, comma.
const MEMBER: usize = 6;

impl Walk {
    /// Goes on from the token `token`, a name or a value as `expect` says, over what is as expected; gives the token to
    /// go on from and what it is.
    pub(super) fn stride(
        &mut self,
        mut token: usize,
        mut expect: Expect,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome<(usize, Expect)> {
        let (positions, kinds, links) = (tokens.positions(), tokens.kinds(), tokens.links());
        let window = io.window;
        if !self.staged.is_empty() {
            return Ok((token, expect));
        }
        loop {
            let Some(frame) = self.frames.last_mut() else {
                return Ok((token, expect));
            };
            let Some(shape) = self.shapes.get(frame.shape) else {
                return Ok((token, expect));
            };
            // What stands before a container that opens: its name, if it has one.
            let mut name = None;
            let child;
            match expect {
                Expect::Name => {
                    let (mut place, mut seen, mut run) = (frame.place, frame.seen, io.run);
                    let mut opens = ShapeId::NONE;
                    while let (Some(at), Some(kind), Some(member)) = (
                        positions[token..].first_chunk::<MEMBER>(),
                        kinds[token..].first_chunk::<MEMBER>(),
                        shape.members.get(place),
                    ) {
                        let from = at[0] as usize;
                        let bit = 1 << place;
                        if !member.comes_at(window, from + 1) || seen & bit != 0 || member.asked {
                            break;
                        }
                        let value = at[3] as usize;
                        let (end, next) = match kind[3] {
                            b'"' => (at[4] as usize + 1, 5),
                            b'0' if links[token + 3] != OPEN => (links[token + 3] as usize, 4),
                            b'0' => break,
                            _ => {
                                seen |= bit;
                                place += 1;
                                token += 3;
                                expect = Expect::Value;
                                opens = member.child;
                                name = Some((from, at[1] as usize + 1));
                                frame.next = member.next;
                                frame.single = member.single;
                                break;
                            }
                        };
                        match member.single {
                            Single::Crossed => {}
                            Single::Stays(outcome) => self.tally.count(outcome),
                            Single::Leaves(outcome) => {
                                self.tally.count(outcome);
                                let follows = frame.some
                                    && run.1.wrapping_add(1) == from
                                    && window[run.1] == b',';
                                if follows && at[1] as usize + 2 == value {
                                    run.1 = end;
                                } else {
                                    io.run = run;
                                    if frame.some {
                                        io.byte(b',');
                                    }
                                    frame.some = true;
                                    io.range(from, at[1] as usize + 1);
                                    io.byte(b':');
                                    io.range(value, end);
                                    run = io.run;
                                }
                            }
                            Single::Asked => break,
                        }
                        seen |= bit;
                        place += 1;
                        token += next;
                        if kind[next] != b',' {
                            expect = Expect::After;
                            break;
                        }
                        token += 1;
                    }
                    if place != frame.place {
                        frame.key = shape.members[place - 1].key;
                    }
                    (frame.place, frame.seen, io.run) = (place, seen, run);
                    child = opens;
                    if let Some((from, to)) = name {
                        self.name = NameSpan::Window(from, to);
                    } else if expect == Expect::Name {
                        return Ok((token, expect));
                    }
                }
                Expect::Value if !frame.ranged && !frame.object => child = shape.elements,
                Expect::Value | Expect::Colon => return Ok((token, expect)),
                Expect::After => child = ShapeId::NONE,
            }
            if expect == Expect::Value {
                let (Some(&kind), Some(&link)) = (kinds.get(token), links.get(token)) else {
                    return Ok((token, expect));
                };
                let at = positions[token] as usize;
                match kind {
                    b'{' | b'[' => {
                        let Some(mut inner) = self.shapes.get(child) else {
                            return Ok((token, expect));
                        };
                        // An object of single values that is like one before it is crossed in one step.
                        let mut alike = None;
                        if kind == b'{' && inner.template(kind).is_some() {
                            alike = inner.patterns.find(token, tokens, window);
                            if alike.is_none() && inner.patterns.may_learn() {
                                self.shapes.learn(child, token, tokens, window);
                                let Some(again) = self.shapes.get(child) else {
                                    return Ok((token, expect));
                                };
                                inner = again;
                            }
                        }
                        let template = inner.template(kind);
                        match inner.opening {
                            Opening::Plain => return Ok((token, expect)),
                            _ if template.is_none()
                                && !matches!(inner.opening, Opening::Skipped(_)) =>
                            {
                                return Ok((token, expect));
                            }
                            Opening::Within => {}
                            Opening::Bare | Opening::Whole => {
                                let start = name.map_or(at, |(from, _)| from);
                                let follows = frame.some
                                    && io.run.1.wrapping_add(1) == start
                                    && window[io.run.1] == b',';
                                let compact = name.is_none_or(|(_, to)| to + 1 == at);
                                if follows && compact {
                                    io.run.1 = at + 1;
                                } else {
                                    if frame.some {
                                        io.byte(b',');
                                    }
                                    frame.some = true;
                                    if let Some((from, to)) = name {
                                        io.range(from, to);
                                        io.byte(b':');
                                    }
                                    io.range(at, at + 1);
                                }
                                if inner.opening == Opening::Whole {
                                    self.tally.count(super::FieldOutcome::KeepAll);
                                    self.copying = alike.is_none();
                                }
                            }
                            Opening::Skipped(outcome) => {
                                if link == OPEN || link as usize >= tokens.count() {
                                    return Ok((token, expect));
                                }
                                self.tally.count(outcome);
                                token = link as usize + 1;
                                expect = Expect::After;
                            }
                        }
                        if let Some(alike) = alike.filter(|_| expect == Expect::Value) {
                            let pattern = inner.patterns.at(alike);
                            match inner.opening {
                                Opening::Bare => {
                                    io.pattern(pattern, token, tokens);
                                    for (outcome, count) in &pattern.counts {
                                        self.tally.fields[*outcome as usize] += count;
                                    }
                                }
                                Opening::Whole => {
                                    let close = positions[token + pattern.like.tokens - 1];
                                    io.run.1 = close as usize + 1;
                                }
                                // All around it leaves.
                                Opening::Within | Opening::Plain | Opening::Skipped(_) => {}
                            }
                            token += pattern.like.tokens;
                        } else if let Some(template) = template.filter(|_| expect == Expect::Value)
                        {
                            let names_at = self.names.start();
                            self.frames.push(*template);
                            if names_at != template.names_at
                                && let Some(opened) = self.frames.last_mut()
                            {
                                opened.names_at = names_at;
                            }
                            expect = if kind == b'{' {
                                Expect::Name
                            } else {
                                Expect::Value
                            };
                            token += 1;
                            if !matches!(kinds.get(token), Some(b'}' | b']')) {
                                continue;
                            }
                        }
                    }
                    b'"' | b'0' => {
                        let (end, next) = if kind == b'0' {
                            (link, token + 1)
                        } else {
                            (
                                positions.get(token + 1).map_or(OPEN, |end| end + 1),
                                token + 2,
                            )
                        };
                        if end == OPEN {
                            return Ok((token, expect));
                        }
                        match frame.single {
                            Single::Crossed => {}
                            Single::Stays(outcome) => self.tally.count(outcome),
                            Single::Leaves(outcome) => {
                                self.tally.count(outcome);
                                if frame.some {
                                    io.byte(b',');
                                }
                                frame.some = true;
                                io.range(at, end as usize);
                            }
                            Single::Asked => return Ok((token, expect)),
                        }
                        token = next;
                    }
                    _ => return Ok((token, expect)),
                }
            }
            // Behind a value: a comma, or ends.
            loop {
                let Some(&kind) = kinds.get(token) else {
                    return Ok((token, Expect::After));
                };
                if kind == b',' {
                    let Some(frame) = self.frames.last_mut() else {
                        return Ok((token, Expect::After));
                    };
                    token += 1;
                    if frame.object {
                        expect = Expect::Name;
                    } else {
                        frame.index += 1;
                        expect = Expect::Value;
                    }
                    break;
                }
                self.container_ends(positions[token] as usize, io)?;
                token += 1;
            }
        }
    }
}
