"use strict";
// At once, so that the page is never seen in the layout that it has without a script.
document.documentElement.classList.add("scripted");

document.addEventListener("DOMContentLoaded", () => {
  const stage = document.querySelector(".stage");
  const slider = stage.querySelector(".slider");

  for (const choice of document.querySelectorAll(".moments input")) {
    choice.addEventListener("change", () => {
      for (const pair of stage.querySelectorAll(".pair")) {
        pair.classList.toggle("shown", pair.id === choice.value);
      }
    });
  }
  if (!slider) return;

  const split = (percent) => {
    stage.style.setProperty("--split", `${percent}%`);
    slider.value = percent;
    slider.setAttribute("aria-valuetext", `${Math.round(percent)} % source`);
  };
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    split(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width)));
  };
  slider.addEventListener("input", () => split(slider.valueAsNumber));
  // The whole picture is the handle, and the line is where the finger is: a range input does neither everywhere.
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  stage.addEventListener("click", () => slider.focus({ preventScroll: true }));
  split(slider.valueAsNumber);
});
