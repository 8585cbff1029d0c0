"""The page of a network for colour faces with values, in a real browser."""

from __future__ import annotations

import cv2
import keras
import numpy as np
from browser import chromium, driver, node_modules, served

from fer_tf.exporting.tflite import write_tflite
from fer_tf.exporting.web import RUNTIME, RUNTIME_VERSION, write_page
from fer_tf.tasks import AFFECT, Task

TASK = Task("own", ("calm", "cross", "glad"), AFFECT, (40, 40, 3))
SIZE = (64, 48)
ANSWER = """async (before) => {
  const bars = document.getElementById("bars");
  while (Number(bars.dataset.answers ?? 0) <= before) await new Promise((r) => setTimeout(r, 10));
  return {
    probabilities: [...bars.children].map((row) => Number(row.dataset.probability)),
    names: [...document.querySelectorAll("#values dt")].map((term) => term.textContent),
    values: [...document.querySelectorAll("#values dd")].map((text) => text.textContent),
    seen: [...document.getElementById("face").getContext("2d").getImageData(20, 20, 1, 1).data],
  };
}"""


def test_shows_values_and_sees_colours(tmp_path):
    modules = node_modules(RUNTIME, RUNTIME_VERSION)
    images = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 127.5, -1)(images))
    logits = keras.layers.Dense(3, name="logits")(x)
    values = keras.layers.Dense(2, activation="tanh", name="values")(x)
    network = keras.Model(images, {"logits": logits, "values": values})
    network.set_weights([np.eye(3), np.zeros(3), np.eye(3, 2), np.zeros(2)])
    model = tmp_path / "model.tflite"
    write_tflite(network, model, size=SIZE, precision="float32", task=TASK)
    write_page(tmp_path, model=model, size=SIZE, task=TASK)
    (tmp_path / "web" / "node_modules").symlink_to(modules.resolve(), target_is_directory=True)
    rgb = (200, 30, 90)
    picture = np.full((80, 80, 3), rgb[::-1], np.uint8)
    file = {"name": "a.png", "mimeType": "image/png"}
    file["buffer"] = cv2.imencode(".png", picture)[1].tobytes()
    with driver() as playwright, chromium(playwright) as browser, served(tmp_path / "web") as place:
        page = browser.new_page()
        page.goto(place[0])
        page.wait_for_selector("html[data-state=ready]")
        page.set_input_files("#file", file)
        page.evaluate(ANSWER, 0)
        page.click("#byHand")
        answer = page.evaluate(ANSWER, 1)
    assert answer["seen"] == [*rgb, 255]
    expected = network(np.full((1, *SIZE, 3), rgb, np.float32))
    probabilities = keras.ops.softmax(expected["logits"])[0]
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-4)
    red, green = np.asarray(expected["values"])[0]
    assert answer["names"] == [*AFFECT]
    assert answer["values"] == [f"+{red:.2f}", f"\N{MINUS SIGN}{-green:.2f}"]
