"""What a person does in the Dagster UI. Elements are found by role and text, never by generated class names."""

from collections.abc import Iterator, Mapping

from playwright.sync_api import Locator, Page, Response, expect

DONE_MS = 400_000  # a few runs, each a process that has to start


def _is_of_mutation(response: Response) -> bool:
    return "mutation " in (response.request.post_data or "")


class Operator:
    """Somebody in front of the Dagster UI."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def open_partitions(self, asset: str) -> None:
        """The partitions of an asset, by the catalog's own address."""
        self.page.goto(f"/assets/{asset}?view=partitions", wait_until="domcontentloaded")
        expect(self.page.get_by_text("Partitions Selected")).to_be_visible()

    def open_lineage(self, *, tree: bool = True) -> None:
        """The whole graph, every group unfolded; the navigation is folded to make room, and the tree where asked."""
        self.page.goto("/asset-groups", wait_until="domcontentloaded")
        expect(self.page.locator("svg").get_by_text("ingest", exact=True).first).to_be_visible()
        self.page.get_by_role("button", name="Hide navigation").click()
        if not tree:
            self.page.get_by_placeholder("Jump to…").locator("xpath=following::button[1]").click()
        self.page.keyboard.press("Alt+e")
        expect(self.node("final_video")).to_be_visible()

    def node(self, asset: str) -> Locator:
        """The name of an asset in the graph."""
        return self.page.locator("foreignObject").get_by_text(asset, exact=True)

    def choose_cell(self, clip: str, segment: str) -> None:
        """Click a clip, then one of its segments."""
        self.row(clip).click()
        self.row(segment).click()
        expect(self.page.get_by_text(f"{clip}|{segment}").first).to_be_visible()

    def row(self, partition: str) -> Locator:
        """The row of a partition, or of one dimension's key, with its dots."""
        return self.page.get_by_title(partition, exact=True).locator("xpath=../..").first

    def dots(self, partition: str, color: str) -> Locator:
        """The dots of a colour in a row: red failed, green materialized."""
        return self.row(partition).locator(f"[style*='--color-accent-{color}']")

    def pictures(self) -> Iterator[Locator]:
        """The pictures behind "Show Markdown" in the metadata of what is selected; each is open while it is given."""
        shown = self.page.get_by_text("[Show Markdown]")
        expect(shown.first).to_be_visible()
        for index in range(shown.count()):
            shown.nth(index).click()
            yield self.dialog.get_by_role("img").last
            self.dialog.get_by_role("button", name="Close").click()
            expect(self.dialog).to_have_count(0)

    def materialize(self, button: str = "Materialize…") -> None:
        """Open the dialog; its launch button is enabled once partitions are chosen."""
        self.page.get_by_role("button", name=button).click()
        expect(self.dialog.get_by_role("button", name="Launch")).to_be_visible()
        expect(self.dialog.get_by_text("Loading pipeline")).to_have_count(0)

    def launch(self, button: str) -> None:
        """Press the button that launches, by the name that it must have."""
        self.dialog.get_by_role("button", name=button).click()
        expect(self.dialog).to_have_count(0)

    def select_in_lineage(self, assets: Mapping[str, str]) -> None:
        """Select assets, given by their groups, in the tree beside the graph."""
        self.open_lineage()
        for group in assets:
            self.page.get_by_role("button", name=f"asset_group {group}").locator("xpath=preceding::button[1]").click()
        for index, asset in enumerate(assets.values()):
            row = self.page.get_by_role("button", name=asset).first
            row.click(modifiers=["Shift"] if index else [])

    def switch(self, sensor: str, *, on: bool) -> None:
        """Turn a sensor on or off on the page Automation, which shows all of them off before it knows their state."""
        self.page.goto("/automation", wait_until="networkidle")
        toggle = self.automation_row(sensor).get_by_role("checkbox").last
        expect(toggle).to_be_checked(checked=not on)
        with self.page.expect_response(_is_of_mutation):  # the switch moves before the server knows
            toggle.locator("xpath=ancestor::label[1]").click()
        expect(toggle).to_be_checked(checked=on)

    def automation_row(self, sensor: str) -> Locator:
        """The row of a sensor: a box to select it, its name, its last tick, its switch."""
        return self.automation_link(sensor).locator("xpath=ancestor::*[count(.//input) >= 2][1]")

    def automation_link(self, sensor: str) -> Locator:
        return self.page.locator(f"a[href$='/sensors/{sensor}']")

    def open_sensor(self, sensor: str) -> None:
        """The ticks of a sensor."""
        self.page.goto("/automation", wait_until="domcontentloaded")
        self.automation_link(sensor).click()
        expect(self.page.get_by_text("Latest tick")).to_be_visible()

    def choose_in_dialog(self, *keys: str) -> None:
        """Choose keys of the first dimension that has none yet."""
        expect(self.dialog.get_by_text("segment", exact=True)).to_be_visible()
        self.dialog.get_by_text("Select a partition").first.click()
        for key in keys:
            self.page.get_by_title(key, exact=True).last.click()
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_placeholder("Filter partitions")).to_have_count(0)
