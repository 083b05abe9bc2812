#!/usr/bin/env bash
# One would guess: whoever writes TFRecords without TensorFlow generates tf.train.Example from a
#   copy of its .proto, package and all, as the messages on the wire are the same; where
#   TensorFlow is installed too, both classes live side by side.
# What happens: protobuf keeps one pool of symbols a process. Generated from a file of another
#   name, `package tensorflow` defines tensorflow.BytesList a second time, and whichever of the
#   two is imported last is refused with a TypeError: the module first, and TensorFlow itself
#   cannot be imported; TensorFlow first, and the module cannot. In a package of another name
#   the same messages live beside TensorFlow's, and their bytes are equal.
# Why it matters here: an exporter of segmentation data that a notebook imports before its
#   trainer makes `import tensorflow` fail far from its cause.
# Versions: protobuf 7.36.2, grpcio-tools 1.85.1, tensorflow 2.21.0, Python 3.11
# Source: https://protobuf.dev/reference/cpp/api-docs/google.protobuf.descriptor.pb/ and
#   https://protobuf.dev/programming-guides/proto3/#packages ; the messages are those of
#   tensorflow/core/example/{example,feature}.proto
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet protobuf==7.36.2 grpcio-tools==1.85.1 tensorflow==2.21.0 2>/dev/null
export TF_CPP_MIN_LOG_LEVEL=3
for package in tensorflow garments; do
  mkdir "$package"
  cat > "$package/records.proto" <<PROTO
syntax = "proto3";
package $package;
message BytesList { repeated bytes value = 1; }
message FloatList { repeated float value = 1 [packed = true]; }
message Int64List { repeated int64 value = 1 [packed = true]; }
message Feature {
  oneof kind { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; }
}
message Features { map<string, Feature> feature = 1; }
message Example { Features features = 1; }
PROTO
  venv/bin/python -m grpc_tools.protoc --proto_path="$package" --python_out="$package" records.proto
done
venv/bin/pip list 2>/dev/null | grep -E '^(protobuf|grpcio-tools|tensorflow) '

cat > try.py <<'PY'
import sys

folder, *order = sys.argv[1:]
sys.path.insert(0, folder)
example = {"records_pb2": None, "tensorflow": None}
for name in order:
    try:
        example[name] = __import__(name)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"package {folder}, {' then '.join(order)}: {name} is refused: "
              f"{type(error).__name__}: {' '.join(lines)[:120]}")
        sys.exit(3)
ours, theirs = example["records_pb2"].Example(), example["tensorflow"].train.Example()
for message in (ours, theirs):
    message.features.feature["class"].int64_list.value.append(255)
same = ours.SerializeToString() == theirs.SerializeToString()
print(f"package {folder}, {' then '.join(order)}: both are imported, equal bytes: {same}")
sys.exit(0 if same else 4)
PY
attempt() { set +e; venv/bin/python try.py "$@" 2>/dev/null; code=$?; set -e; }
for order in "records_pb2 tensorflow" "tensorflow records_pb2"; do
  attempt tensorflow $order
  [ "$code" = 3 ] || { echo "changed: both are in one process now"; exit 1; }
  attempt garments $order
  [ "$code" = 0 ] || { echo "changed: they do not live side by side under another name"; exit 1; }
done
