// Gradio leaves the alternative text of pictures empty: they take that of their label. Its webcam wants two presses, and
// says "Record" where nothing is kept: here one press starts it.
let starting = false;
const words = {Record: 'Start', 'Click to Access Webcam': 'Start'};
function mend() {
  document.querySelectorAll('.block img[alt=""]').forEach(image => {
    const label = image.closest('.block').querySelector('[data-testid=block-label]');
    if (label) image.alt = label.innerText.trim();
  });
  document.querySelectorAll('#live-camera button, #live-microphone button').forEach(button => {
    const texts = document.createTreeWalker(button, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const said = words[texts.currentNode.data.trim()];
      if (said) texts.currentNode.data = ` ${said}`;
    }
  });
  const record = document.querySelector('#live-camera .capture-button:has([title="start recording"])');
  if (starting && record) { starting = false; record.click(); }
}
document.addEventListener('click', event => {
  if (event.target.closest('#live-camera [title="grant webcam access"]')) starting = true;
}, true);
new MutationObserver(mend).observe(document, {childList: true, subtree: true});
