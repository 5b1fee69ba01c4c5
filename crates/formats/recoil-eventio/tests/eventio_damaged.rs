//! Damaged files: errors, never a panic or a hang.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use recoil_eventio::simtel::{SimtelReader, Wanted};
use recoil_eventio::write::{Content, Writer};
use recoil_eventio::{Error, Reader, Tree, kind};

fn file() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.simtel");
    let mut writer = Writer::create(&path).unwrap();
    let mut history = Content::new();
    history.object(kind::HISTORY_COMMAND_LINE, 1, 0, Content::new().i32(3).string("sim_telarray -c lst.cfg"));
    writer.container(kind::HISTORY, 1, 0, &history).unwrap();
    let mut run = Content::new();
    run.i32s(&[7, 0, -1, 0, 0]).f32s(&[0.0; 5]).f32s(&[0.0; 2]).i32(1).i16(1).f32s(&[1.0, 2.0, 3.0]).i32s(&[1, 0]);
    writer.object(kind::RUN_HEADER, 2, 7, run.string("t").string("o")).unwrap();
    let mut camera = Content::new();
    camera.i32(3).f32s(&[28.0, 29.3]).f32s(&[0.0, 0.1, 0.2]).f32s(&[0.0; 3]);
    camera.varint(0).varint(1).varint(1).varint(1).f32s(&[0.002, 0.05]).i32(198).f32(386.0).f32(0.19);
    writer.object(kind::CAMERA_SETTINGS, 5, 1, &camera).unwrap();
    let mut laser = Content::new();
    laser.u16(3).i16(2).i32(1).f32s(&[0.01; 6]).f32s(&[1.0; 4]).f32s(&[0.0; 6]);
    writer.object(kind::LASER_CALIBRATION, 2, 1, &laser).unwrap();
    let mut shower = Content::new();
    shower.i32(0).f32s(&[1.0; 9]).i16(1).i32s(&[1, 3]).f32s(&[0.0, 10.0]).f32s(&[1.0, 2.0, 3.0]);
    writer.object(kind::MC_SHOWER, 1, 1, &shower).unwrap();
    for event in 100..103 {
        writer.object(kind::MC_EVENT, 1, event, Content::new().i32(1).f32s(&[10.0, 20.0])).unwrap();
        let mut light = Content::new();
        light.object(1208, 2, 0, Content::new().i32s(&[2, 3]).i16(0).i32(1).i16(1).i32(2).f32s(&[5.0, 6.0]));
        writer.container(kind::TELESCOPE_DATA, 0, event, &light).unwrap();
        let mut samples = Content::new();
        samples.i32(3).i16(2).i16(4).differences(4, &[300, 301, 420, 250, 0, 1, 2, 3, 9, 8, 7, 6].repeat(2));
        let mut telescope = Content::new();
        telescope.object(2011, 3, 1, Content::new().i32s(&[0; 6]).i16(1).f32s(&[0.0; 2]));
        telescope.object(2013, 3, 1 << 12, &samples);
        let mut array = Content::new();
        let mut trigger = Content::new();
        trigger.i32s(&[0; 6]).i16(1).i16(1).f32(0.5).i16(1).i16(1).varuint(1).f32s(&[0.0; 3]);
        array.object(2009, 3, event, &trigger).container(2201, 1, event, &telescope);
        array.object(2101, 0, 1 | 0x100, Content::new().f32s(&[3.1, 1.2]));
        writer.container(kind::ARRAY_EVENT, 0, event, &array).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

fn read_all(bytes: Vec<u8>) -> (usize, Option<Error>) {
    let tree = Tree::of_bytes("a", bytes.clone()).filter(Result::is_err).count();
    assert!(tree <= 1);
    let wanted = Wanted { telescopes: vec![], photo_electrons: true };
    let mut reader = SimtelReader::of(Reader::of_bytes("a", bytes), wanted);
    let mut events = 0;
    loop {
        match reader.next_event() {
            Ok(Some(_)) => events += 1,
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

#[test]
fn the_whole_file_reads() {
    let (events, error) = read_all(file());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events, 3);
    let wanted = Wanted { telescopes: vec![1], photo_electrons: true };
    let mut reader = SimtelReader::of(Reader::of_bytes("a", file()), wanted);
    let event = reader.next_event().unwrap().unwrap();
    assert_eq!((event.id, event.mc.unwrap().core_y, event.shower.unwrap().primary), (100, 20.0, 0));
    assert_eq!(event.photo_electrons[0].counts, [0, 2, 0]);
    assert_eq!(event.telescopes[0].tracking.unwrap().best(), Some([3.1, 1.2]));
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole() {
    let bytes = file();
    let mut seen = std::collections::BTreeSet::new();
    for end in 0..bytes.len() {
        let (events, error) = read_all(bytes[..end].to_vec());
        if let Some(error) = error {
            assert!(error.byte().is_some_and(|byte| byte <= end as u64), "{error}");
        }
        seen.insert(events);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn compressed_files_cut_anywhere_give_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.gz", "a.zst"] {
        let path = dir.path().join(name);
        let mut writer = Writer::create(&path).unwrap();
        for number in 0..200i32 {
            let numbers: Vec<i32> = (0..100).map(|k| (number * 7919 + k).wrapping_mul(-1_640_531_527)).collect();
            writer.object(12345, 0, number, Content::new().i32s(&numbers)).unwrap();
        }
        writer.finish().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in (0..whole.len()).step_by(977) {
            std::fs::write(&path, &whole[..end]).unwrap();
            let mut reader = Reader::open(&path).unwrap();
            let mut count = 0;
            while let Ok(Some(object)) = reader.next_object() {
                assert_eq!(object.header.id, count);
                count += 1;
            }
            // zstd gives nothing of a block that is not whole
            assert!(count < 200 && (name == "a.zst" || end < whole.len() / 2 || count > 50), "{name} {end} {count}");
        }
    }
}

#[test]
fn a_length_that_lies_takes_no_memory() {
    let mut bytes = file();
    // the first object says that it holds a gigabyte
    bytes[12..16].copy_from_slice(&0x3fff_ffffu32.to_le_bytes());
    let error = read_all(bytes).1.unwrap().to_string();
    assert!(error.contains("the file ends inside History[70v1]"), "{error}");
}

#[test]
fn files_of_other_formats_are_refused() {
    for (bytes, expected) in [
        (&b"root\0\0\0\0"[..], "a: byte 0: not an EventIO file: it begins with 72 6f 6f 74"),
        (b"", "a: byte 0: not an EventIO file: it is empty"),
        (&[0xd4, 0x1f, 0x8a, 0x37, 0, 0, 0, 0], "a: byte 0: big-endian files are not supported"),
    ] {
        assert_eq!(read_all(bytes.to_vec()).1.unwrap().to_string(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((0usize..4000, 0u8..), 1..8), cut in 0usize..4000) {
        let mut bytes = file();
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        if cut < 2000 {
            bytes.truncate(cut);
        }
        let (events, _) = read_all(bytes);
        prop_assert!(events <= 3);
    }
}
