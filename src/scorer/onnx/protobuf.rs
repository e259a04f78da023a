//! Models as protobuf: read from the bytes of a file, and written for ONNX Runtime.
//!
//! Most of a file of trees are lists of numbers, each a field of its own. They are read here, five times as fast as by
//! prost, whose only home this is; it reads everything around them.

use prost::{DecodeError, Message};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto};

/// The model in `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, DecodeError> {
    // What is malformed, prost finds again and says so.
    model(bytes).map_or_else(|| ModelProto::decode(bytes), Ok)
}

/// The bytes of `model`.
pub(super) fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
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
    let AttributeProto { floats, ints, strings, .. } = &mut attribute;
    let mut others = Vec::new();
    for field in Fields(bytes) {
        let field = field?;
        match field.key {
            (FLOATS, FOUR_BYTES) => push(floats, float(field.content)?, bytes.len() / 5),
            (INTS, VARINT) => push(ints, varint(&mut &*field.content)? as i64, bytes.len() / 2),
            (STRINGS, BYTES) => strings.push(field.content.to_vec()),
            // Lists are also written as one field.
            (FLOATS, BYTES) => {
                let values = field.content.chunks(size_of::<f32>()).map(float);
                floats.extend(values.collect::<Option<Vec<_>>>()?);
            }
            (INTS, BYTES) => {
                let mut values = field.content;
                ints.reserve(values.len() / 2);
                while !values.is_empty() {
                    ints.push(varint(&mut values)? as i64);
                }
            }
            _ => others.push(field.bytes),
        }
    }
    others.into_iter().try_for_each(|field| attribute.merge(field)).ok()?;
    Some(attribute)
}

/// Appends `value` to `values`, of which there may be as many as `most`.
fn push<T>(values: &mut Vec<T>, value: T, most: usize) {
    if values.is_empty() {
        values.reserve(most);
    }
    values.push(value);
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

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.take())
    }
}

impl<'b> Fields<'b> {
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
    let mut number = 0;
    for (index, byte) in rest.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            *rest = &rest[index + 1..];
            return (index < 9 || *byte <= 1).then_some(number);
        }
    }
    None
}
