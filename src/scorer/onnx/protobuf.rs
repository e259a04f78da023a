//! Models as protobuf: read from the bytes of a file, and written for ONNX Runtime.
//!
//! Files of trees are made of long lists, of which every number and every text is a field of its own. They are read here,
//! many times as fast as by prost, which reads all else; this is its only home.

use std::borrow::Cow;

use prost::{DecodeError, Message};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto};

/// What a node of a tree may do, in a text for each in the attribute `nodes_modes`.
pub(super) const NODE_MODES: [&str; 7] =
    ["LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

const NODE_MODES_NAME: &str = "nodes_modes";

/// The model in `bytes`. Modes of nodes are packed: see [`node_modes`].
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, DecodeError> {
    // What is malformed, prost finds again and says so.
    model(bytes).map_or_else(|| ModelProto::decode(bytes), Ok)
}

/// The bytes of `model`, which [`decode`] may have given.
pub(super) fn encode(mut model: ModelProto) -> Vec<u8> {
    let nodes = model.graph.iter_mut().flat_map(|graph| &mut graph.node);
    for attribute in nodes.flat_map(|node| &mut node.attribute).filter(|attribute| is_packed(attribute)) {
        let text = |mode: u8| NODE_MODES.get(usize::from(mode)).copied().unwrap_or_default().into();
        attribute.strings = std::mem::take(&mut attribute.s).into_iter().map(text).collect();
        attribute.r#type = AttributeType::Strings.into();
    }
    model.encode_to_vec()
}

/// The modes of the nodes of the trees in `node`, each as its place in [`NODE_MODES`]. Fails with the text that is none of
/// them. Most files have them packed in memory, as the bytes of one text: a text for each took longer than all else in them.
pub(super) fn node_modes(node: &NodeProto) -> Result<Cow<'_, [u8]>, String> {
    let Some(attribute) = node.attribute.iter().find(|attribute| attribute.name == NODE_MODES_NAME) else {
        return Ok(Cow::default());
    };
    if is_packed(attribute) {
        return match attribute.s.iter().find(|mode| usize::from(**mode) >= NODE_MODES.len()) {
            Some(_) => Err(String::from_utf8_lossy(&attribute.s).into_owned()),
            None => Ok(Cow::Borrowed(&attribute.s)),
        };
    }
    let modes: Result<Vec<u8>, &[u8]> =
        attribute.strings.iter().map(|text| mode(text).ok_or(text.as_slice())).collect();
    modes.map(Cow::Owned).map_err(|text| String::from_utf8_lossy(text).into_owned())
}

fn is_packed(attribute: &AttributeProto) -> bool {
    attribute.name == NODE_MODES_NAME && attribute.r#type == AttributeType::String as i32
}

/// The place of a mode.
fn mode(text: &[u8]) -> Option<u8> {
    (0..).zip(NODE_MODES).find(|(_, mode)| mode.as_bytes() == text).map(|(place, _)| place)
}

const VARINT: u8 = 0;
const BYTES: u8 = 2;
const FOUR_BYTES: u8 = 5;

fn model(bytes: &[u8]) -> Option<ModelProto> {
    const GRAPH: u64 = 7;
    let mut model = ModelProto::default();
    for field in Fields(bytes) {
        let field = field?;
        match field.key {
            (GRAPH, BYTES) => graph(field.content, model.graph.get_or_insert_default())?,
            _ => model.merge(field.bytes).ok()?,
        }
    }
    Some(model)
}

fn graph(bytes: &[u8], graph: &mut GraphProto) -> Option<()> {
    const NODE: u64 = 1;
    for field in Fields(bytes) {
        let field = field?;
        match field.key {
            (NODE, BYTES) => graph.node.push(node(field.content)?),
            _ => graph.merge(field.bytes).ok()?,
        }
    }
    Some(())
}

fn node(bytes: &[u8]) -> Option<NodeProto> {
    const ATTRIBUTE: u64 = 5;
    let mut node = NodeProto::default();
    for field in Fields(bytes) {
        let field = field?;
        match field.key {
            (ATTRIBUTE, BYTES) => node.attribute.push(attribute(field.content)?),
            _ => node.merge(field.bytes).ok()?,
        }
    }
    Some(node)
}

fn attribute(bytes: &[u8]) -> Option<AttributeProto> {
    const FLOATS: u64 = 7;
    const INTS: u64 = 8;
    const STRINGS: u64 = 9;
    let mut attribute = AttributeProto::default();
    let mut strings: Vec<&[u8]> = Vec::new();
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next() {
        let field = field?;
        match field.key {
            (FLOATS, FOUR_BYTES) => {
                // Every element has its key.
                attribute.floats.reserve(fields.0.len() / 5 + 1);
                attribute.floats.push(float(field.content)?);
                fields.run::<FLOATS, FOUR_BYTES>(|content| {
                    attribute.floats.push(float(content.split_off(..4)?)?);
                    Some(())
                })?;
            }
            (INTS, VARINT) => {
                attribute.ints.reserve(fields.0.len() / 2 + 1);
                attribute.ints.push(varint(&mut &*field.content)? as i64);
                fields.run::<INTS, VARINT>(|content| {
                    attribute.ints.push(varint(content)? as i64);
                    Some(())
                })?;
            }
            (STRINGS, BYTES) => strings.push(field.content),
            // Lists are also written as one field.
            (FLOATS, BYTES) => {
                let values = field.content.chunks(size_of::<f32>()).map(float);
                attribute.floats.extend(values.collect::<Option<Vec<_>>>()?);
            }
            (INTS, BYTES) => {
                let mut values = field.content;
                attribute.ints.reserve(values.len());
                while !values.is_empty() {
                    attribute.ints.push(varint(&mut values)? as i64);
                }
            }
            _ => attribute.merge(field.bytes).ok()?,
        }
    }
    let is_list = attribute.r#type == AttributeType::Strings as i32 && attribute.name == NODE_MODES_NAME;
    match strings.iter().map(|text| mode(text)).collect::<Option<Vec<u8>>>() {
        Some(modes) if is_list => {
            attribute.s = modes;
            attribute.r#type = AttributeType::String.into();
        }
        _ => attribute.strings = strings.into_iter().map(<[u8]>::to_vec).collect(),
    }
    Some(attribute)
}

fn float(bytes: &[u8]) -> Option<f32> {
    bytes.try_into().ok().map(f32::from_le_bytes)
}

/// A field of a message.
struct Field<'b> {
    /// Its number, and how its content is written.
    key: (u64, u8),
    /// All of it.
    bytes: &'b [u8],
    /// Without its key, and without its length if it tells that.
    content: &'b [u8],
}

/// The fields of a message; nothing where it is malformed.
struct Fields<'b>(&'b [u8]);

impl<'b> Iterator for Fields<'b> {
    type Item = Option<Field<'b>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() { None } else { Some(self.take()) }
    }
}

impl<'b> Fields<'b> {
    /// Takes the fields that come next and have this number and way of writing; `take` takes their contents.
    fn run<const NUMBER: u64, const WIRE: u8>(
        &mut self,
        mut take: impl FnMut(&mut &'b [u8]) -> Option<()>,
    ) -> Option<()> {
        let key = const { (NUMBER << 3) as u8 | WIRE };
        let mut rest = self.0;
        while let [first, content @ ..] = rest
            && *first == key
        {
            rest = content;
            take(&mut rest)?;
        }
        self.0 = rest;
        Some(())
    }

    #[inline(always)]
    fn take(&mut self) -> Option<Field<'b>> {
        const EIGHT_BYTES: u8 = 1;
        let bytes = self.0;
        let key = varint(&mut self.0)?;
        let wire = (key & 7) as u8;
        let behind_key = self.0;
        let content = match wire {
            VARINT => {
                varint(&mut self.0)?;
                &behind_key[..behind_key.len() - self.0.len()]
            }
            BYTES => {
                let length = usize::try_from(varint(&mut self.0)?).ok()?;
                self.0.split_off(..length)?
            }
            FOUR_BYTES => self.0.split_off(..4)?,
            EIGHT_BYTES => self.0.split_off(..8)?,
            _ => return None,
        };
        Some(Field { key: (key >> 3, wire), bytes: &bytes[..bytes.len() - self.0.len()], content })
    }
}

/// Takes the number that `rest` begins with, of at most 64 bits, seven in a byte, the lowest first.
#[inline(always)]
fn varint(rest: &mut &[u8]) -> Option<u64> {
    match **rest {
        [a @ ..0x80, ref behind @ ..] => {
            *rest = behind;
            Some(a.into())
        }
        [a, b @ ..0x80, ref behind @ ..] => {
            *rest = behind;
            Some(u64::from(a & 0x7f) | u64::from(b) << 7)
        }
        _ => long_varint(rest),
    }
}

fn long_varint(rest: &mut &[u8]) -> Option<u64> {
    const MOST: usize = 10;
    let mut number = 0;
    for (index, byte) in rest.iter().enumerate().take(MOST) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            *rest = &rest[index + 1..];
            // Of the last byte, one bit is left.
            return (index < MOST - 1 || *byte <= 1).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{GraphProto, TensorProto};

    use super::*;

    fn model_of(attribute: AttributeProto) -> ModelProto {
        let tensor = TensorProto { name: "w".to_owned(), float_data: vec![1.5], ..TensorProto::default() };
        let node = NodeProto { op_type: "Some".to_owned(), attribute: vec![attribute], ..NodeProto::default() };
        let graph = GraphProto { node: vec![node], initializer: vec![tensor], ..GraphProto::default() };
        ModelProto { ir_version: 8, graph: Some(graph), ..ModelProto::default() }
    }

    fn all_kinds() -> AttributeProto {
        AttributeProto {
            name: "all".to_owned(),
            doc_string: "of them".to_owned(),
            f: 0.5,
            s: b"text".to_vec(),
            floats: vec![0.0, -1.5, f32::MAX],
            ints: vec![0, 1, 127, 128, 16383, 16384, i64::MAX, i64::MIN, -1],
            strings: vec![b"".to_vec(), b"a".to_vec(), vec![b'b'; 300]],
            g: model_of(AttributeProto::default()).graph,
            ..AttributeProto::default()
        }
    }

    /// A field with `content` of the length that it tells.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | BYTES, content.len() as u8], content].concat()
    }

    #[test]
    fn what_is_read_is_what_prost_reads() {
        let written = model_of(all_kinds()).encode_to_vec();
        assert_eq!(decode(&written).unwrap(), model_of(all_kinds()));
        // Lists with a key for each element, as most exporters write them, and other fields among these.
        let apart =
            [&[8 << 3, 5][..], &[7 << 3 | 5], &1.5f32.to_le_bytes(), &[8 << 3, 0x85, 1, 3 << 3, 7], &[8 << 3, 6]];
        let bytes = field(7, &field(1, &field(5, &apart.concat())));
        let read = decode(&bytes).unwrap();
        assert_eq!(read, ModelProto::decode(&*bytes).unwrap());
        let attribute = &read.graph.unwrap().node[0].attribute[0];
        assert_eq!((&attribute.ints[..], &attribute.floats[..], attribute.i), (&[5, 133, 6][..], &[1.5][..], 7));
    }

    #[test]
    fn what_is_cut_off_or_changed_is_what_prost_makes_of_it() {
        // By bytes, since there may be NaN in it.
        let same = |bytes: &[u8], what: &dyn std::fmt::Debug| {
            let [ours, theirs] =
                [decode(bytes), ModelProto::decode(bytes)].map(|read| read.map(|model| model.encode_to_vec()));
            assert_eq!(ours, theirs, "{what:?}");
        };
        let written = model_of(all_kinds()).encode_to_vec();
        for end in 0..written.len() {
            same(&written[..end], &end);
        }
        for place in 0..written.len() {
            for change in [1, 8, 128, 255] {
                let mut bytes = written.clone();
                bytes[place] ^= change;
                same(&bytes, &(place, change));
            }
        }
    }

    #[test]
    fn modes_are_packed_and_unpacked() {
        let of = |modes: &[&str]| {
            model_of(AttributeProto {
                name: NODE_MODES_NAME.to_owned(),
                r#type: AttributeType::Strings.into(),
                strings: modes.iter().map(|mode| mode.as_bytes().to_vec()).collect(),
                ..AttributeProto::default()
            })
        };
        let modes_of = |model: &ModelProto| {
            let modes = node_modes(&model.graph.as_ref().unwrap().node[0]).map(Cow::into_owned);
            (modes, model.graph.as_ref().unwrap().node[0].attribute[0].strings.len())
        };
        let (known, unknown) = (of(&["BRANCH_NEQ", "LEAF"]), of(&["LEAF", "leaf"]));
        assert_eq!(modes_of(&known), (Ok(vec![6, 0]), 2));
        let packed = decode(&known.encode_to_vec()).unwrap();
        assert_eq!(modes_of(&packed), (Ok(vec![6, 0]), 0));
        assert_eq!(encode(packed), known.encode_to_vec());
        for model in [&unknown, &decode(&unknown.encode_to_vec()).unwrap()] {
            assert_eq!(modes_of(model), (Err("leaf".to_owned()), 2));
        }
    }
}
